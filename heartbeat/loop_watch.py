"""How late a process's main event loop is, seen from another thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

PROBE_INTERVAL = 1.0
"""Seconds between two probes. One costs about 50 µs, most of it for waking the loop."""

STALLED = 3.0
"""Lateness in seconds that is told at once, and not with the next beat. The registry warns from here."""


class WatchedLoop(Protocol):
    """What is used of an `asyncio.AbstractEventLoop`."""

    def is_running(self) -> bool: ...

    def is_closed(self) -> bool: ...

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> object: ...


class LoopWatch:
    """Asks a loop to call back, and sees how long that takes.

    Used by one thread, while the callbacks run on the watched loop's: they share two references that are
    replaced as a whole.

    Args:
        clock: Seconds, monotonic, of all threads.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loop: WatchedLoop | None = None
        self._asked_at: float | None = None
        """When the probe that is not answered was sent; None = all are answered."""

        self._lateness: float | None = None

    @property
    def is_watching(self) -> bool:
        return self._loop is not None

    def watch(self, loop: WatchedLoop) -> None:
        """Watch `loop` from now on, and no other."""
        self._loop = loop
        self._asked_at = self._lateness = None

    def probe(self) -> None:
        """Ask the loop, unless it still owes an answer."""
        loop = self._loop
        if loop is None or self._asked_at is not None or not loop.is_running():
            return
        self._asked_at = asked_at = self._clock()
        try:
            loop.call_soon_threadsafe(self._answer, loop, asked_at)
        except RuntimeError:  # closed between the two lines
            self._loop = self._asked_at = self._lateness = None

    def lag(self) -> float | None:
        """Seconds that the loop is late now, also while it is blocked; None when none is watched, or it does not run.

        A loop that was stopped, as between two calls of `run_until_complete`, is not late.
        """
        loop = self._loop
        if loop is None:
            return None
        if not loop.is_running():
            self._asked_at = self._lateness = None
            if loop.is_closed():
                self._loop = None
            return None
        asked_at, lateness = self._asked_at, self._lateness
        if asked_at is None:
            return lateness
        return max(self._clock() - asked_at, lateness or 0.0)

    def _answer(self, loop: WatchedLoop, asked_at: float) -> None:
        """On the watched loop."""
        if loop is self._loop and asked_at == self._asked_at:
            self._lateness = self._clock() - asked_at
            self._asked_at = None


async def watch_for_stalls(watch: LoopWatch, *, on_change: Callable[[], None]) -> NoReturn:
    """Probe for ever; call `on_change` when the lateness passes `STALLED`, up or down."""
    was_stalled = False
    while True:
        watch.probe()
        await asyncio.sleep(PROBE_INTERVAL)
        is_stalled = (watch.lag() or 0.0) >= STALLED
        if is_stalled is not was_stalled:
            was_stalled = is_stalled
            on_change()
