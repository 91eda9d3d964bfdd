"""A fleet in virtual time with `RoomBeats` behind it, as a registry puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.admission import Admission
from registry.agents import Agent
from registry.clock import Clock
from registry.fleet import Fleet
from registry.orders import Orders
from registry.records import AgentRow
from registry.room_beats import RoomBeats
from registry.status import Limits
from rooms.picture import Health, SessionSeen
from tests.registry.beats import a_beat
from tests.registry.ledgers import MemoryLedger
from wire import CallFacts, Command, Down, Joining, Kind, Outcome

START = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = "agent-1-room"


class Line:
    """A line to an agent, which may answer what it is asked."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self.answer: Outcome | None = None
        self.agent: Agent | None = None
        self.orders: Orders | None = None

    def send(self, message: Down) -> None:
        if message.command is None:
            return
        self.sent.append(message.command)
        if self.answer is not None and self.orders is not None and self.agent is not None:
            outcome = Outcome(id=message.command.id, ok=self.answer.ok, detail=self.answer.detail)
            asyncio.get_running_loop().call_later(0.002, self.orders.outcome, self.agent, outcome)


class Play:
    def __init__(self, rows: list[AgentRow] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.clock = Clock(monotonic=loop.time, utc=lambda: START + timedelta(seconds=loop.time()))
        self.ledger = MemoryLedger()
        self.fleet = Fleet(
            limits=Limits(),
            clock=self.clock,
            ledger=self.ledger,
            admission=Admission(1_000_000),
            changed=self._agent_changed,
        )
        self.beats = RoomBeats(self.fleet, clock=self.clock)
        self.orders = Orders(self.fleet)
        self.rooms: list[str] = []
        self.lost: list[str] = []
        self.doubted: list[str] = []
        self.workers = 0
        self.phases: list[tuple[str, str, float]] = []
        self.beats.on_room = self.rooms.append
        self.beats.on_lost = self.lost.append
        self.beats.on_doubt = lambda agent: self.doubted.append(agent.beat.incarnation)
        self.beats.on_worker = self._worker_came
        self.beats.on_phase = lambda old, new, length: self.phases.append((old.phase, new.phase, length))
        self.fleet.restore(rows or [])
        for agent in self.fleet:
            self.beats.agent_changed(agent.agent_id)

    def _agent_changed(self, agent_id: str) -> None:
        self.beats.agent_changed(agent_id)

    def _worker_came(self) -> None:
        self.workers += 1

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def session(
        self,
        incarnation: str = "one",
        *,
        row: str = "1",
        room: str = ROOM,
        phase: str = "active",
        line: Line | None = None,
        call: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Agent:
        """A session beats."""
        facts = CallFacts(room=room, phase=phase, **(call or {}))
        given: dict[str, Any] = {
            "host": "here",
            "machine": "this",
            "process_id": 7,
            "process_age": 5.0,
        } | fields
        beat = a_beat(row, incarnation=incarnation, kind=Kind.SESSION, call=facts, **given)
        self.fleet.take(beat, source="here", line=line)
        return self.fleet.get(row)

    def worker(self, *joining: Joining, row: str = "w", line: Line | None = None, **fields: Any) -> Agent:
        """A worker beats."""
        given: dict[str, Any] = {"host": "here", "machine": "this", "takes_jobs": True} | fields
        self.fleet.take(a_beat(row, kind=Kind.WORKER, joining=joining, **given), source="here", line=line)
        agent = self.fleet.get(row)
        if line is not None:
            line.agent, line.orders = agent, self.orders
        return agent

    def seen(self, incarnation: str = "one", room: str = ROOM) -> SessionSeen:
        return next(one for one in self.beats.sessions_in(room) if one.incarnation == incarnation)

    def health(self, incarnation: str = "one", room: str = ROOM) -> Health:
        return self.seen(incarnation, room).health


@asynccontextmanager
async def play(rows: list[AgentRow] | None = None) -> AsyncIterator[Play]:
    played = Play(rows)
    running = asyncio.create_task(played.fleet.settling.reaper.run())
    try:
        yield played
    finally:
        running.cancel()
        await asyncio.wait({running})
