"""Requests to LiveKit's SDK with a time limit, in the ways that it can bear."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from stack.errors import LateError

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
"""Seconds that the SDK takes at most for one attempt to connect."""

STEP_TIMEOUT = 30.0
"""Seconds for any other request to LiveKit."""

_SLICE = 0.5
"""Seconds that count once, however long the machine takes for them."""


async def limited(step: Coroutine[Any, Any, T]) -> T:
    """`step`, for 30 s in which the machine runs.

    Raises:
        LateError: It took longer.
    """
    stepping = asyncio.create_task(step, name="step")
    try:
        for _ in range(round(STEP_TIMEOUT / _SLICE)):
            await asyncio.wait({stepping}, timeout=_SLICE)
            if stepping.done():
                return stepping.result()
        raise LateError(f"LiveKit's SDK did not answer within {STEP_TIMEOUT:.0f} s")
    finally:
        stepping.cancel()


async def uncancelled(connect: Coroutine[Any, Any, None]) -> None:
    """Await `Room.connect`. Cancelled, it kills the process 15 s later (livekit 1.1.21)."""
    connecting = asyncio.create_task(connect, name="connect")
    try:
        await asyncio.shield(connecting)
    finally:
        if not connecting.done():
            await asyncio.wait({connecting}, timeout=3 * CONNECT_TIMEOUT)
