"""Clocks that stand still until they are moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.clock import Clock


class FakeClock:
    """Both clocks of a service."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        self.seconds = 1_000.0

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.seconds, utc=lambda: self.now)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds
