"""Seconds and moments, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def duration(seconds: float) -> str:
    """`seconds` in the unit that a person would use: ``3 s``, ``5 min``, ``2 h``, ``4 d``."""
    seconds = max(0.0, seconds)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} d"


def ago(seconds: float) -> str:
    return f"{duration(seconds)} ago"


def between(earlier: datetime, later: datetime) -> float:
    """Seconds from one moment to another; 0 when they come in the other order, as rounded ones may."""
    return max(0.0, (later - earlier).total_seconds())


def moment(at: datetime) -> str:
    """A moment in the time zone of the person who reads it: ``2026-01-31 14:05:09``."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock_time(at: datetime) -> str:
    """The same, of today: ``14:05:09``."""
    return at.astimezone().strftime("%H:%M:%S")


def zone(moments: Iterable[datetime]) -> str:
    """The time zone in which `moment` and `clock_time` tell these: ``CET``, ``UTC+05:30``, ``CET/CEST``.

    Empty when there is no moment.
    """
    return "/".join(dict.fromkeys(_zone(at) for at in moments))


def _zone(at: datetime) -> str:
    local = at.astimezone()
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local.isoformat()[-6:]}"
