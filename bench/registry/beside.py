"""Something that goes on while something else is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

_T = TypeVar("_T")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, _T], *, name: str) -> AsyncIterator[asyncio.Task[_T]]:
    """Run `work` as a task beside the block, and wait for it at the block's end.

    What it raises is raised there, as it is. When the block fails, or cancels the task, the task ends.
    """
    task = asyncio.create_task(work, name=name)
    try:
        yield task
        with suppress(asyncio.CancelledError):
            await task
    finally:
        task.cancel()
        await asyncio.wait({task})
