"""Looks at several things at once: each within its limit, and none can hurt another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from cli.doctor.verdicts import Verdict, fail, warn

LIMIT = 3.0
"""Seconds that a check has."""

Look = Callable[[], Awaitable[Sequence[Verdict]]]
_A = TypeVar("_A")


def bind(look: Callable[[_A], Awaitable[Sequence[Verdict]]], value: _A) -> Look:
    """`look` at this value."""
    return lambda: look(value)


async def look_at_all(looks: dict[str, Look]) -> list[list[Verdict]]:
    """Look at all at once; what each has found, in order."""
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(_within_limit(name, look), name=f"doctor-{name}")
            for name, look in looks.items()
        ]
    return [task.result() for task in running]


async def _within_limit(name: str, look: Look) -> list[Verdict]:
    try:
        async with asyncio.timeout(LIMIT):
            return list(await look())
    except TimeoutError:
        return [fail(name, f"no answer within {LIMIT:g} s", "see whether it hangs, or is hard to reach")]
    except Exception as error:  # noqa: BLE001  # the doctor must not die of what it finds
        # Not the error's words: they may hold what was sent.
        return [warn(name, f"could not be looked at ({type(error).__name__})", "look at it by hand")]
