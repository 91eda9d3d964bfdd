"""Two attempts side by side: the one that succeeds first counts. Knows nothing of language models."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar


class Closable(Protocol):
    """What an attempt comes to, and what has to be let go when nobody needs it."""

    async def aclose(self) -> None: ...


Result = TypeVar("Result", bound=Closable)


async def race(
    leading: asyncio.Task[Result], delay: float, other: Coroutine[Any, Any, Result]
) -> tuple[Result, asyncio.Task[Result] | None]:
    """What succeeds first, and what of the other one still goes on. `other` begins after `delay` seconds.

    Raises:
        Exception: Neither succeeds; the leading one's. When that one fails before the other has begun, the other
            never does.
    """
    following: asyncio.Task[Result] | None = None
    try:
        done, running = await asyncio.wait({leading}, timeout=delay)
        if done:
            other.close()
            return await leading, None
        following = asyncio.create_task(other, name="llm-beside")
        running = {leading, following}
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            won = next((task for task in done if not task.cancelled() and task.exception() is None), None)
            if won is not None:
                lost = following if won is leading else leading
                return won.result(), None if lost.done() and lost.exception() else lost
    except BaseException:
        if following is None:
            other.close()
        await asyncio.gather(*(drop(task) for task in (leading, following) if task is not None))
        raise
    return leading.result(), None  # raises why it failed


async def drop(task: asyncio.Task[Result]) -> None:
    """End an attempt that nobody needs any more, whatever came of it."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        await task.result().aclose()


async def settle(task: asyncio.Task[Result]) -> None:
    """Wait for what an attempt comes to, for the sake of what it leaves behind."""
    try:
        await asyncio.wait({task})
    finally:
        await drop(task)
