"""What the registry keeps of an agent, and of each change of its status: the rows of its database. Pure values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from wire import Beat


class Status(enum.Enum):
    """How an agent is, as the registry sees it."""

    STARTING = "starting"  # its own word
    RUNNING = "running"  # it beats, and says that it works
    WARNING = "warning"  # someone should look: its own word, or what the registry sees
    ERROR = "error"  # it does not do its work
    STOPPED = "stopped"  # it said goodbye
    OFFLINE = "offline"  # it fell silent, or its line broke without a goodbye
    UNKNOWN = "unknown"  # the registry cannot know: it has just started, or may itself be cut off

    @property
    def is_over(self) -> bool:
        """Nothing more is expected of the process."""
        return self in (Status.STOPPED, Status.OFFLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What takes points from a health of 100."""

    points: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """A status that an operator set. It holds against the agent's own beats until it is unlocked."""

    status: Status
    health: int | None
    """0 to 100; None = as computed."""

    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """One agent, as the database keeps it. Moments are aware UTC, by the registry's clock."""

    beat: Beat
    """The last one that was taken, with its ages (`error_age`, `idle`, `process_age`, `call.since`,
    `call.grace_left`) as they were then; the moments below are what counts."""

    status: Status
    health: int | None
    """0 to 100; None = unknown."""

    reasons: tuple[Reason, ...]
    cause: str | None
    """Why it is stopped, offline or suspect."""

    forced: Forced | None
    heard_at: datetime
    """When the last beat came."""

    first_seen_at: datetime
    status_since: datetime
    error_at: datetime | None
    """When the last error was."""

    active_at: datetime | None
    """When it last did something."""

    updated_at: datetime
    """When anything but `heard_at` changed."""

    @property
    def agent_id(self) -> str:
        return self.beat.agent_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of an agent's status, or an act of an operator on it. A row of the history."""

    at: datetime
    agent_id: str
    incarnation: str
    before: Status | None
    """None = the agent was not known."""

    after: Status
    health: int | None
    reason: str
    """In words; never empty."""

    by: str
    """`agent`, `registry`, or who asked."""

    id: int | None = None
    """The database's number of this row, which grows with time; None = not stored yet."""
