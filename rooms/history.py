"""What is written down of rooms: what was seen and what was done, with the evidence. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a room, or was done to it."""

    at: float
    """On the keeper's monotonic clock."""

    room: str
    sid: str
    kind: str
    """`human_came`, `humans_left`, `agent_came`, `agent_left`, `phase`, the acts of `decide.Act`, `trouble`, `closed`,
    `garbage` and the like."""

    text: str
    by: str = "keeper"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able: what was seen, for an act."""
