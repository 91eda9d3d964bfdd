"""The service's two clocks, read together: one for durations, one for dates."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Monotonic seconds, and the date: of threads in the database, and of tokens."""

    monotonic: Callable[[], float] = time.monotonic
    utc: Callable[[], datetime] = _utc
