"""The thread that ends the process when its event loop does not."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: tells this end apart from a call's own exit codes 0 and 1."""


FLUSH_DELAY = 0.25
"""Seconds between the last line and the end. Handlers that send their lines from a thread need a moment."""


class Watchdog:
    """Deadlines by name, kept by a daemon thread. Ends the process at the first one that passes.

    A thread and not a task: it must work while the loop is blocked, and so calls ``os._exit``.

    Args:
        exit_process: Called with the exit code, from the thread. A test puts its own here.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        exit_process: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exit_process = exit_process
        self._clock = clock
        self._deadlines: dict[str, float] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="roomkeeper-watchdog", daemon=True)
        self._thread.start()

    def limit(self, name: str, seconds: float) -> None:
        """The process ends `seconds` from now, unless `clear` or another `limit` of this name comes first."""
        with self._changed:
            self._deadlines[name] = self._clock() + seconds
            self._changed.notify()

    def clear(self, name: str) -> None:
        """Drop a limit. May be called twice, and for a name that was never set."""
        with self._changed:
            self._deadlines.pop(name, None)

    def close(self) -> None:
        """Drop all limits and end the thread. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=1)

    def _run(self) -> None:
        overrun = self._wait_for_overrun()
        if overrun is None:
            return
        # Logging may need a lock that a stuck thread holds. It gets two seconds, then the process ends without.
        line = threading.Thread(target=self._say, args=(overrun,), name="roomkeeper-last-words", daemon=True)
        line.start()
        line.join(timeout=2)
        time.sleep(FLUSH_DELAY)
        self._exit_process(EXIT_CODE)

    def _wait_for_overrun(self) -> str | None:
        """The name of the first limit that passes; None when closed."""
        with self._changed:
            while not self._closed:
                name, deadline = min(
                    self._deadlines.items(), key=lambda item: item[1], default=("", float("inf"))
                )
                now = self._clock()
                if now >= deadline:
                    return name
                self._changed.wait(min(deadline - now, threading.TIMEOUT_MAX))
        return None

    def _say(self, name: str) -> None:
        logger.critical(
            "a time limit was overrun, the process ends now",
            extra={"action": "watchdog.overrun", "limit": name, "exit_code": EXIT_CODE},
        )
