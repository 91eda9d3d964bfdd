"""Looks for a process of this machine by its number. Never touches it."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil


class Presence(enum.Enum):
    THERE = "there"
    GONE = "gone"  # no process has this number
    ENDED = "ended"  # it has ended, and its parent has not taken note (a zombie)
    HIDDEN = "hidden"  # the system does not let us see it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen under a process's number."""

    presence: Presence
    age: float | None = None
    """Seconds since it started; None = the system does not say."""


Look = Callable[[int], Sight]
"""Looks at the process with a number."""


def look(pid: int, *, wall_clock: Callable[[], float] = time.time) -> Sight:
    """What is there under `pid` now.

    Args:
        wall_clock: Seconds as in ``time.time()``: the system tells a process's start by it.
    """
    try:
        process = psutil.Process(pid)
        age = max(0.0, wall_clock() - process.create_time())
        if process.status() == psutil.STATUS_ZOMBIE:
            return Sight(presence=Presence.ENDED, age=age)
        return Sight(presence=Presence.THERE, age=age)
    except psutil.AccessDenied:
        return Sight(presence=Presence.HIDDEN)
    except psutil.NoSuchProcess:
        # Where /proc hides other users' processes (hidepid=2) only the number itself is known to be taken.
        return Sight(presence=Presence.HIDDEN if _is_taken(pid) else Presence.GONE)
    except (OSError, ValueError, OverflowError):
        return Sight(presence=Presence.HIDDEN)


def _is_taken(pid: int) -> bool:
    try:
        return bool(psutil.pid_exists(pid))
    except OverflowError:
        return False  # larger than any number that the system gives
