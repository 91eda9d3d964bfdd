"""What the registry keeps of sessions, rooms, profiles and processes: rows of its database. Pure values.

Moments are aware UTC, by the registry's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from wire import Delays, Profile

LOST = "lost"
"""The close reason of a session whose process died: nobody knows why it left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One agent in one room, from its first report to its end."""

    id: str
    """Its incarnation."""

    row_id: str
    """Id of its row among the agents."""

    agent_id: str
    room: str
    room_sid: str = ""
    job_id: str = ""
    host: str | None = None
    resumes: str | None = None
    """Id of the session whose conversation it goes on with."""

    started_at: datetime
    heard_at: datetime
    """When it reported last."""

    ended_at: datetime | None = None
    """None = it goes on, as far as is known."""

    most_humans: int = 0
    """Most humans at once."""

    n_turns: int = 0
    """Turns with a smaller number have come. In a report: of no meaning."""

    usage: tuple[dict[str, Any], ...] = ()
    """What each model has used, one object for each."""

    close_reason: str | None = None
    exit_code: int | None = None
    """Of its process; None = nobody knows."""

    is_transcribed: bool = True
    """What is said in it is kept, for a time. False = by its agent's profile, or by the settings, it never was."""

    first_audio: float | None = None
    """Seconds from the first human's coming until the agent was first heard; None = not yet, or not measured."""

    more_events: int = 0
    """Events that are not kept, because there were too many."""

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """What one side said."""

    session_id: str
    number: int
    """Counts the turns of its session from 0."""

    role: str
    """`user` or `assistant`."""

    text: str
    """Empty where it is not kept, or not any more."""

    interrupted: bool = False
    at: datetime
    is_kept: bool = True
    started: float | None = None
    """Seconds from the beginning of its session, by the agent's clock; None = nobody knows."""

    duration: float | None = None
    """Seconds."""

    delays: Delays | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something that happened in a session, besides what was said."""

    session_id: str
    number: int
    """Counts the events of its session from 0."""

    kind: str
    """One of `wire.EVENT_KINDS`, or of a later version's."""

    text: str
    at: datetime


class Record(NamedTuple):
    """All that is known of a session."""

    row: SessionRow
    turns: Sequence[TurnRow]
    """Its own, the oldest first."""

    events: Sequence[EventRow]


class Timed(NamedTuple):
    """When something was measured, and what."""

    at: datetime
    delays: Delays


class Ending(NamedTuple):
    """Of a session that ended: what statistics are made of."""

    room: str
    started_at: datetime
    ended_at: datetime
    close_reason: str | None
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEvent:
    """Something that happened in a room, or that was done about it. A row of its history."""

    at: datetime
    room: str
    sid: str
    """Empty = there was no room of that name."""

    kind: str
    text: str
    """In words; never empty."""

    by: str
    """`keeper`, `livekit`, or who asked."""

    evidence: dict[str, Any] = field(default_factory=dict)
    """What was seen, for an act. As JSON."""

    id: int | None = None
    """The database's number of this row, which grows with time; None = not stored yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRow:
    """An operator's wish that no agent is in a room, until the room ends."""

    room_sid: str
    room: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """What agent `agent_id` is, as somebody stored it."""

    agent_id: str
    profile: Profile
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WishRow:
    """An operator's wish that a process of this host runs, or does not."""

    process_id: str
    is_wanted: bool
    by: str
    reason: str
    at: datetime
