"""What the keeper wants to know of those who beat to the registry: a seam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rooms.picture import SessionSeen


class Beats(Protocol):
    """From memory: quick, and called often. Moments are of the keeper's monotonic clock."""

    def worker_came_at(self, agent_id: str | None) -> float:
        """When a worker that serves this agent last said that LiveKit has taken it; -inf = none has.

        Args:
            agent_id: None = nobody knows whose room it is: those count that serve every agent.
        """

    def knows_workers(self, agent_id: str | None) -> bool:
        """A worker beats here that serves this agent, likewise."""

    def sessions_in(self, room: str) -> Sequence[SessionSeen]:
        """Those that say that they are in this room, and those that did not long ago; newest last."""

    def joining_since(self, room: str) -> float | None:
        """Since when a worker has had a job for this room; None = none has."""
