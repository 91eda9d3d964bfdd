"""The registry's two clocks, read together: one for deadlines, one for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Monotonic seconds, and the date. The only clock of the registry; agents' clocks are never looked at."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds. Not the loop's own time, which uvloop rounds to milliseconds."""

    utc: Callable[[], datetime] = _utc

    def date_of(self, moment: float) -> datetime:
        """The date of a `moment` of `monotonic`."""
        return self.utc() + timedelta(seconds=moment - self.monotonic())

    def moment_of(self, date: datetime) -> float:
        """The moment of `monotonic` at a date; not later than now."""
        return self.monotonic() - max(0.0, (self.utc() - date).total_seconds())
