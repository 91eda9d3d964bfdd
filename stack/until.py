"""Wait for something that has no event of its own, with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stack.errors import LateError

T = TypeVar("T")


async def until(look: Callable[[], T | None], *, timeout: float, what: str, interval: float = 0.02) -> T:
    """Look again and again until what is seen is true, and return it.

    Args:
        look: What it raises passes through.
        timeout: Seconds. The last look is at or after the limit, so 0 looks once.
        what: Ends the sentence "waited 5 s for …" of the error.
        interval: Seconds between two looks.

    Raises:
        LateError: The limit passed.
    """

    async def ask() -> T | None:
        return look()

    return await until_answered(ask, timeout=timeout, what=what, interval=interval)


async def until_answered(
    ask: Callable[[], Awaitable[T | None]], *, timeout: float, what: str, interval: float = 0.05
) -> T:
    """`until`, for a question that has to be awaited. The question needs a limit of its own."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        is_last = loop.time() >= deadline
        answer = await ask()
        if answer:
            return answer
        if is_last:
            raise LateError(f"waited {timeout:g} s for {what}")
        await asyncio.sleep(min(interval, max(0.0, deadline - loop.time())))
