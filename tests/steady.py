"""An event loop for tests with real servers, whose clock stands still while the machine does.

A machine that has other work stops a program for a second now and then. Then all that the program gave a second is
late at once, the answer that is in the socket already as well, and whether the answer or the limit comes first is
chance. Here a limit passes only while there is nothing to do.
"""

from __future__ import annotations

import asyncio
import math
import time
from selectors import SelectorKey

LATE = 0.01
"""Seconds by which a pause may end too late, or for which one round of callbacks may run, and still count whole."""


class SteadyLoop(asyncio.SelectorEventLoop):
    """Counts a pause as long as it was meant to be, and a round of callbacks as 10 ms at most."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()
        """When the pause or the round of callbacks began that is going on."""
        self._counted = self._began_at
        """What the clock showed then."""
        self._most = math.inf
        """Seconds for which it may count."""
        super().__init__()
        self._select = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._pause  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._counted + min(time.monotonic() - self._began_at, self._most)

    def _pause(self, timeout: float | None) -> list[tuple[SelectorKey, int]]:
        self._begin(math.inf if timeout is None else timeout + LATE)
        events: list[tuple[SelectorKey, int]] = self._select(timeout)
        if events and timeout is not None:
            # What came may be older than the end of the pause, and is looked at first.
            self._most = max(timeout - LATE / 10, timeout / 2)
        self._begin(LATE)
        return events

    def _begin(self, most: float) -> None:
        self._counted = self.time()
        self._began_at = time.monotonic()
        self._most = most
