"""Wait for something that has no event of its own, with a time limit.

The limit is one for what is waited for, not for the machine: time in which that stood still does not count. A pause
that takes much longer than it was asked to is how it shows, in a virtual machine whose host has other work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stack.errors import LateError

T = TypeVar("T")

STANDSTILL = 0.25
"""Seconds that a pause may take too long and still counts whole."""


async def until(look: Callable[[], T | None], *, timeout: float, what: str, interval: float = 0.02) -> T:
    """Look again and again until what is seen is true, and return it.

    Args:
        look: What it raises passes through.
        timeout: Seconds in which the machine runs. The last look is at or after the limit, so 0 looks once.
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
    left = timeout
    while True:
        is_last = left <= 0
        asked_at = loop.time()
        answer = await ask()
        if answer:
            return answer
        if is_last:
            raise LateError(f"waited {timeout:g} s for {what}")
        left -= loop.time() - asked_at
        pause = min(interval, max(0.0, left))
        began_at = loop.time()
        await asyncio.sleep(pause)
        left -= min(loop.time() - began_at, pause + STANDSTILL)
