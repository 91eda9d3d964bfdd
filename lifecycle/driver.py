"""Run a `RoomLife` on the event loop: the only timer of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from lifecycle.machine import CloseReason, Phase, RoomLife


async def watch(
    room: RoomLife,
    *,
    changed: asyncio.Event,
    confirm: Callable[[], Awaitable[int | None]],
    on_phase: Callable[[Phase], None] = lambda _: None,
) -> CloseReason:
    """Wait until the agent must leave, and say why.

    Args:
        room: Built with ``now=loop.time()`` of the running loop.
        changed: Set by the caller after each input to `room`.
        confirm: Humans on LiveKit's own list, or None when it cannot be had. Must end in bounded
            time and must not raise.
        on_phase: Called with each new phase, on the loop; not for the one at the start.
    """
    loop = asyncio.get_running_loop()
    seen = room.phase
    while True:
        if room.phase is not seen:
            seen = room.phase
            on_phase(seen)
        if room.close_reason is not None:
            return room.close_reason
        if room.needs_confirmation:
            n_humans = await confirm()
            room.confirmed(n_humans, now=loop.time())
            continue
        deadline = room.deadline
        try:
            async with asyncio.timeout_at(deadline):
                await changed.wait()
            now = loop.time()
        except TimeoutError:
            # A timer may fire one clock resolution early. Count the deadline as reached,
            # or this loop spins on the rest (for ever, on a test's virtual clock).
            now = max(deadline, loop.time())
        changed.clear()
        room.tick(now=now)
