"""Answers that are being given: each ends when its client goes away, and all of them when the service must end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from service.bodies import GoneError
from service.errors import EndingError

T = TypeVar("T")

KEEP_ALIVE_INTERVAL = 5.0
"""Seconds between two signs of life. Proxies and clients give up on a connection that says nothing for long."""


class Answers:
    """All of one service."""

    def __init__(self) -> None:
        self.is_closing = False
        """The service ends; what runs may still end by itself."""

        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def cut(self) -> None:
        """End those that still run. May be called twice."""
        for task in self._running:
            task.cancel()

    async def give(
        self,
        work: Coroutine[Any, Any, T],
        receive: Receive,
        *,
        still_there: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """What `work` returns; it is cancelled when the client goes away.

        Args:
            work: Gives the answer.
            receive: Of the request, whose body has been read.
            still_there: Tells the client that somebody is working, every few seconds; None = nobody does.

        Raises:
            GoneError: The client went away.
            EndingError: The service ended first.
        """
        task = asyncio.create_task(work, name="answer")
        watcher = asyncio.create_task(_watch(receive, still_there), name="answer-client")
        self._running.add(task)
        try:
            await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise GoneError
            if task.cancelled():
                raise EndingError("the service is ending; ask again in a moment", retry_after=5)
            return task.result()
        finally:
            self._running.discard(task)
            task.cancel()
            watcher.cancel()
            await asyncio.wait({task, watcher})


async def _watch(receive: Receive, still_there: Callable[[], Awaitable[None]] | None) -> None:
    """Until the client goes away."""
    while True:
        try:
            async with asyncio.timeout(None if still_there is None else KEEP_ALIVE_INTERVAL):
                while (await receive())["type"] != "http.disconnect":
                    pass
            return
        except TimeoutError:
            if still_there is not None:
                await still_there()
