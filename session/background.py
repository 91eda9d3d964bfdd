"""What runs beside a call for as long as it lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

logger = logging.getLogger(__name__)


class Background:
    """Tasks that end together. One that breaks is logged, and the others go on."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def run(self, work: Coroutine[None, None, None], *, name: str) -> None:
        """Start `work` as a task."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_say_broken)
        self._tasks.append(task)

    async def aclose(self) -> None:
        """Cancel all, and wait for them. May be called twice."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _say_broken(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error(
            "a part of the call broke",
            exc_info=error,
            extra={"action": "call.broke", "part": task.get_name()},
        )
