"""Turns many calls at once into few: what comes while one is being done is done together, next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST = 256
"""Items in one call."""


class Grouped(Generic[T, R]):
    """Does items in a thread, all that wait at once. A transaction for each would cost more than what is in it.

    Args:
        work: Takes items and returns a result for each, in the same order. Blocks. What it raises is raised for
            each of them.
        name: Of its task.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], *, name: str) -> None:
        self._work = work
        self._name = name
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._working: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The result for `item`. Who is cancelled stops waiting; the item may be done all the same."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._run(), name=self._name)
        return await done

    async def aclose(self) -> None:
        """Wait until nothing is left to do. May be called twice."""
        if self._working is not None:
            await asyncio.wait({self._working})

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            batch = [
                (item, done) for item, done in batch if not done.done()
            ]  # who waits no longer is left out
            if batch:
                await self._do(batch)

    async def _do(self, batch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await asyncio.to_thread(self._work, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  # not lost: each of those that wait raises it
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), result in zip(batch, results, strict=True):
            if not done.done():
                done.set_result(result)
