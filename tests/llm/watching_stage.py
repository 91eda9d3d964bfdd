"""A watcher over servers that are no servers, on the event loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from llm.board import Board
from llm.health import Met, Outcome, State
from llm.pool import Member, Pool
from llm.probing import Prober
from llm.watching import Watcher
from tests.llm.stage import FakeDiscover, FakeTransport, settings_of

WALL = 1_800_000_000.0
"""Seconds since 1970 when the test begins."""


def now() -> float:
    return asyncio.get_running_loop().time()


class WatchingStage:
    """Not begun. Everything that is asked for its models answers, unless a test says something else.

    Args:
        urls: LLM_URLS, by name: `a` is http://a/v1.
        folder: Shared with the other processes of this host; None = there is no such folder.
        fields: Further settings.
    """

    def __init__(self, *urls: str, folder: Path | None = None, **fields: Any) -> None:
        self.settings = settings_of(llm_urls=tuple(f"http://{url}/v1" for url in urls), **fields)
        self.breaks_clock = False
        self.pool = Pool(clock=self.clock, random=lambda: 0.0, max_failures=1)
        self.fake = FakeTransport()
        self.discover = FakeDiscover()
        self.prober = Prober(
            self.pool,
            self.fake,
            limit=self.settings.agent_health_check_timeout,
            patience=self.settings.llm_first_token_timeout,
            interval=self.settings.agent_health_check_interval,
            clock=now,
            random=lambda: 0.0,
        )
        self.board = None if folder is None else Board(folder, wall=lambda: WALL + now())
        self.watcher = Watcher(
            self.settings,
            self.pool,
            discover=self.discover,
            prober=self.prober,
            board=self.board,
            clock=self.clock,
        )

    def clock(self) -> float:
        if self.breaks_clock:
            raise ZeroDivisionError("the clock is broken")
        return now()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        self.watcher.begin()
        task = asyncio.create_task(self.watcher.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task})
            await self.prober.aclose()
            await self.watcher.aclose()
            if self.board is not None:
                self.board.close()

    def member(self, name: str) -> Member:
        found = self.pool.get(name)
        assert found is not None
        return found

    def state(self, name: str) -> State:
        return self.member(name).health.state

    def names(self) -> list[str]:
        return [member.endpoint.id for member in self.pool.members()]

    def breaks(self, name: str, met: Met = Met.FAILED) -> None:
        self.pool.record(self.member(name), Outcome(met=met, reason="gone"))

    def looks(self, *, nearby: bool) -> list[float]:
        """When it was looked for models."""
        return [moment for moment, nearby_only in self.discover.looks if nearby_only is nearby]


async def seconds_until_available(pool: Pool) -> float:
    began_at, changed = now(), asyncio.Event()
    end = pool.subscribe(changed.set)
    while not pool.is_available:
        changed.clear()
        await changed.wait()
    end()
    return now() - began_at
