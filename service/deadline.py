"""Ends the process in time, whatever still hangs: Python waits at its end for whoever waits for a name server."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_SAY_LIMIT = 0.1
"""Seconds for the last line: what hangs may be the log."""


class Deadline:
    """A daemon thread that waits for the moment. The process may well end before.

    Args:
        exit_process: Called with `exit_code`, from the thread. A test puts its own here.
    """

    def __init__(self, *, exit_process: Callable[[int], object] = os._exit) -> None:
        self.exit_code = 1
        """Of a process that had to be ended. Whoever has done all that was to be done sets another one."""

        self._exit_process = exit_process
        # The one queue that a handler of signals may use: it may interrupt itself.
        self._told: queue.SimpleQueue[float] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="service-deadline", daemon=True).start()

    def within(self, seconds: float) -> None:
        """The process ends `seconds` from now at the latest. May be called again, and from a handler of signals."""
        self._told.put(seconds)

    def _run(self) -> None:
        seconds = self._told.get()  # which may be long after the process began
        ends_at = time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0:
            try:
                ends_at = min(ends_at, self._told.get(timeout=left) + time.monotonic())
            except queue.Empty:
                break
        line = threading.Thread(target=self._say, name="service-last-words", daemon=True)
        line.start()
        line.join(timeout=_SAY_LIMIT)
        self._exit_process(self.exit_code)

    def _say(self) -> None:
        logger.warning(
            "something does not end, the process ends without it",
            extra={"action": "service.overrun", "exit_code": self.exit_code},
        )
