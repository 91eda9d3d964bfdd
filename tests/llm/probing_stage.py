"""A prober over servers that are no servers, on the event loop's clock."""

from __future__ import annotations

import asyncio
from typing import Any

from llm.endpoints import Endpoint
from llm.health import Met, Outcome, State
from llm.pool import Member, Pool
from llm.probing import Prober
from llm.transport import Transport
from tests.llm.stage import FakeTransport, Play, endpoint, pool_of

HERE, THERE = "127.0.0.1:1", "far.example"


def now() -> float:
    return asyncio.get_running_loop().time()


class ProbingStage:
    """A prober over endpoints that are well, asked what is due twice a second."""

    def __init__(
        self, *listed: Endpoint | str, random: float = 0.5, transport: Transport | None = None
    ) -> None:
        self.pool = pool_of(*(endpoint(one) if isinstance(one, str) else one for one in listed), clock=now)
        self.fake = FakeTransport()
        self.prober = prober_of(self.pool, transport or self.fake, random=random)

    def plays(self, play: Play) -> None:
        for member in self.pool.members():
            self.fake.chats[member.endpoint.id] = play

    def member(self, number: int = 0) -> Member:
        return self.pool.members()[number]

    def state(self, number: int = 0) -> State:
        return self.member(number).health.state

    def breaks(self, number: int = 0, met: Met = Met.FAILED, **fields: Any) -> None:
        self.pool.record(self.member(number), Outcome(met=met, reason="gone", **fields))

    async def watch(self, seconds: float) -> None:
        ends_at = now() + seconds
        while now() < ends_at:
            self.prober.probe_due()
            await asyncio.sleep(0.5)


def prober_of(pool: Pool, transport: Transport, *, random: float = 0.5, patience: float = 3.0) -> Prober:
    return Prober(pool, transport, limit=5, patience=patience, interval=30, clock=now, random=lambda: random)
