"""A router over servers that are no servers, on a virtual clock."""

from __future__ import annotations

import asyncio

from llm.answers import Budget
from llm.endpoints import Endpoint
from llm.health import Met, Outcome, State
from llm.pool import Member
from llm.requests import ChatRequest
from llm.router import Router
from tests.llm.stage import HELLO, FakeTransport, Play, endpoint, pool_of, said

BUDGET = Budget(first_word=3, patience=8, between=10, total=120)


def now() -> float:
    return asyncio.get_running_loop().time()


class RouterStage:
    """A router over endpoints a, b, c… that play these plays."""

    def __init__(
        self, *chats: Play, endpoints: tuple[Endpoint, ...] = (), hedges: bool = False, max_failures: int = 1
    ) -> None:
        listed = endpoints or tuple(endpoint(name) for name, _ in zip("abcdef", chats, strict=False))
        self.transport = FakeTransport(
            **{one.id: chat for one, chat in zip(listed, chats, strict=True)},
        )
        self.late = 0.0
        self.pool = pool_of(*listed, clock=now, max_failures=max_failures)
        self.router = Router(self.pool, self.transport, budget=BUDGET, hedges=hedges, clock=self.clock)

    def clock(self) -> float:
        return now() + self.late

    def member(self, name: str) -> Member:
        found = self.pool.get(name)
        assert found is not None
        return found

    def state(self, name: str) -> State:
        return self.member(name).health.state

    def breaks(self, name: str, met: Met = Met.FAILED, *, reason: str = "gone") -> None:
        self.pool.record(self.member(name), Outcome(met=met, reason=reason))

    async def ask(self, request: ChatRequest = HELLO) -> str:
        return await said(self.router.stream(request))
