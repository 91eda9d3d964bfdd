"""A fleet in virtual time, with a ledger in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.admission import Admission
from registry.agents import Agent
from registry.clock import Clock
from registry.fleet import Fleet
from registry.records import AgentRow, Status
from registry.status import Limits
from tests.registry.beats import a_beat
from tests.registry.ledgers import MemoryLedger
from wire import Down

START = datetime(2026, 1, 1, tzinfo=UTC)


class Wire:
    """A line that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[Down] = []

    def send(self, message: Down) -> None:
        self.sent.append(message)


class Play:
    """A fleet whose clocks are the test's virtual one."""

    def __init__(self, rows: list[AgentRow] | None = None, *, new_agents: int = 1_000_000) -> None:
        loop = asyncio.get_running_loop()
        self.ledger = MemoryLedger()
        self.changed: list[str] = []
        self.lags: list[float] = []
        self.clock = Clock(monotonic=loop.time, utc=lambda: START + timedelta(seconds=loop.time()))
        self.fleet = Fleet(
            limits=Limits(),
            clock=self.clock,
            ledger=self.ledger,
            admission=Admission(new_agents),
            changed=self.changed.append,
        )
        self.fleet.settling.lags = self.lags.append
        self.fleet.restore(rows or [])

    def beat(self, agent_id: str = "1", *, line: Wire | None = None, **fields: Any) -> Agent:
        self.fleet.take(a_beat(agent_id, **fields), source="here", line=line)
        return self.fleet.get(agent_id)

    def status(self, agent_id: str = "1") -> Status:
        return self.fleet.get(agent_id).verdict.status

    def told(self, agent_id: str = "1") -> list[tuple[str | None, str]]:
        """The agent's history: (before, after)."""
        return [
            (change.before.value if change.before else None, change.after.value)
            for change in self.ledger.changes
            if change.agent_id == agent_id
        ]


@asynccontextmanager
async def play(*args: Any, **kwargs: Any) -> AsyncIterator[Play]:
    played = Play(*args, **kwargs)
    running = asyncio.create_task(played.fleet.settling.reaper.run())
    try:
        yield played
    finally:
        running.cancel()
        await asyncio.wait({running})


def rows_of(p: Play) -> list[AgentRow]:
    return list(p.ledger.rows.values())
