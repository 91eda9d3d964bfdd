"""Counts what happens to rooms. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_REMEMBERED = 1_000
"""Durations of which percentiles are taken: the latest."""


def _ignore(_: float) -> None:
    """Nobody listens."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """Since the registry started. Durations are seconds."""

    since: float
    """Monotonic."""

    grace_started: int = 0
    grace_cancelled: int = 0
    grace_expired: int = 0
    grace_lengths: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    recoveries: int = 0
    recoveries_failed: int = 0
    """Losses after which nobody came in three tries."""

    recovery_lengths: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """From the moment at which the loss was known until the successor was there."""

    dispatches: int = 0
    dispatches_answered: int = 0
    dispatch_lengths: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    phases: dict[str, int] = field(default_factory=dict)
    """Rooms by phase now; every phase is there."""

    without_agent: int = 0
    """Rooms in which a human has been without an agent for too long now."""

    oldest_agent: float | None = None
    """Seconds that the oldest agent has been in its room; None = there is none."""

    on_recovery: Callable[[float], None] = _ignore
    """Told each recovery's length."""

    on_dispatch: Callable[[float], None] = _ignore
    """Told how long each agent that was asked for took to come."""

    def recovered(self, length: float) -> None:
        """A successor is there."""
        self.recoveries += 1
        self.recovery_lengths.append(length)
        self.on_recovery(length)

    def answered(self, length: float) -> None:
        """An agent that was asked for is there."""
        self.dispatches_answered += 1
        self.dispatch_lengths.append(length)
        self.on_dispatch(length)

    def grace_ended(self, length: float, *, is_cancelled: bool) -> None:
        """A grace period is over: a human came back, or it expired."""
        self.grace_lengths.append(length)
        if is_cancelled:
            self.grace_cancelled += 1
        else:
            self.grace_expired += 1


def average(lengths: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(lengths) / len(lengths) if lengths else None


def percentile(lengths: Sequence[float], share: float) -> float | None:
    """The smallest length that `share` (0 to 1) of all are not longer than; None of nothing."""
    if not lengths:
        return None
    ordered = sorted(lengths)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
