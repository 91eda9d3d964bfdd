"""What the keeper wants to know of those who beat to the registry: a seam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rooms.picture import SessionSeen


class Beats(Protocol):
    """From memory: quick, and called often. Moments are of the keeper's monotonic clock."""

    @property
    def worker_came_at(self) -> float:
        """When a worker last said that LiveKit has taken it; -inf = never."""

    @property
    def knows_workers(self) -> bool:
        """A worker beats here."""

    def sessions_in(self, room: str) -> Sequence[SessionSeen]:
        """Those that say that they are in this room, and those that did not long ago; newest last."""

    def joining_since(self, room: str) -> float | None:
        """Since when a worker has had a job for this room; None = none has."""
