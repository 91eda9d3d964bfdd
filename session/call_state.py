"""A call at one moment, for whoever wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lifecycle import CloseReason, Phase
from session.roster import Human
from session.trouble import Part
from wire import AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallState:
    """Durations are seconds."""

    room_name: str
    phase: Phase
    humans: tuple[Human, ...]
    since: float
    """That the phase has lasted."""

    grace_left: float | None
    """None outside the grace period."""

    is_ready: bool
    """The agent is in the room, and its pipeline runs."""

    failing: Mapping[Part, str]
    """Parts that fail now, each with the name of its error."""

    last_error: str | None
    error_age: float | None
    idle: float
    """Since somebody last said something, came or went."""

    is_connected: bool
    """LiveKit is in reach; if not, its SDK reconnects."""

    closing: CloseReason | None
    """Why the agent leaves; None = it does not."""

    def as_status(
        self, *, agent_id: AgentId, incarnation: str, is_held: bool, loop_lag: float
    ) -> dict[str, object]:
        """What `roomkeeper.status` answers. `since` and `grace_left` are seconds, lag is milliseconds."""
        return {
            "agent_id": agent_id,
            "incarnation": incarnation,
            "phase": self.phase.value,
            "humans": len(self.humans),
            "since": round(self.since, 3),
            "grace_left": None if self.grace_left is None else round(self.grace_left, 3),
            "room_held": is_held,
            "failing": sorted(part.name.lower() for part in self.failing),
            "loop_lag_ms": round(1000 * loop_lag, 1),
            "closing": None if self.closing is None else self.closing.value,
        }
