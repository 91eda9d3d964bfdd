"""Everything that is known of one room at one moment: what LiveKit says, what beats say, what operators want. Pure.

Moments are seconds of the keeper's monotonic clock, unless said otherwise.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from wire import AgentId


class Answer(enum.Enum):
    """What came of asking an agent through LiveKit how it is."""

    ANSWERED = "answered"  # it lives
    LEAVING = "leaving"  # it lives, and is on its way out
    SILENT = "silent"  # no answer within the time for it, twice
    UNKNOWN = "unknown"  # LiveKit could not be asked, or cannot ask agents


class Health(enum.Enum):
    """How the beats of a session have it."""

    ALIVE = "alive"  # they come
    STALLED = "stalled"  # they come, and tell that its main loop is blocked
    SUSPECT = "suspect"  # its line broke, or it fell silent
    GONE = "gone"  # its process is known to be gone
    STOPPED = "stopped"  # it said goodbye
    UNKNOWN = "unknown"  # the registry cannot know now


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSeen:
    """A participant of kind AGENT on LiveKit's list."""

    identity: str
    agent_id: str | None
    incarnation: str | None
    """None = an agent of another program."""

    leaving: str | None
    """Why it leaves, by its own word; None = it does not."""

    joined_at: float
    """Seconds since the epoch by LiveKit's clock: an order among participants, nothing else."""

    is_active: bool
    first_seen_at: float
    """When the keeper saw it first."""

    @property
    def is_ours(self) -> bool:
        return self.incarnation is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanSeen:
    identity: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSeen:
    """A room as LiveKit lists it."""

    name: str
    sid: str
    created_at: float
    """Seconds since the epoch by LiveKit's clock."""

    departure_timeout: float
    humans: tuple[HumanSeen, ...]
    agents: tuple[AgentSeen, ...]
    others: tuple[str, ...]
    """Identities of room holds, recorders, streams."""

    seen_at: float
    human_since: float | None
    """Since when somebody human has been there without a break; None = nobody is."""

    empty_since: float | None
    """Since when no human has been there; None = somebody is."""

    agentless_since: float | None
    """Since when no agent has been on the list; None = one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSeen:
    """One agent in the room, as its beats tell it."""

    row_id: str
    """Of its row among the agents."""

    incarnation: str
    health: Health
    since: float
    """That `health` has been so."""

    phase: str
    grace_ends_at: float | None
    is_connected: bool
    """LiveKit is in its reach."""

    closing: str | None
    """Why it leaves; of one that stopped, why it left."""

    host: str | None
    cause: str
    """Why `health` is what it is, in words."""

    is_guess: bool = False
    """Suspect only because nothing is heard: that may be the network's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """An operator's wish that no agent is in a room, until the room ends."""

    by: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Agents that were asked for since one was last there."""

    n: int = 0
    last_at: float = -math.inf
    resumes: str | None = None
    """Whose conversation the last one was to go on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    answer: Answer
    at: float
    silent_since: float = math.inf
    """When it did not answer for the first time, of several times in a row; infinite = it answered last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A room, from all sides."""

    name: str
    agent_id: AgentId | None
    """Which agent belongs here; None = this is not a room of ours."""

    room: RoomSeen | None
    """None = LiveKit does not list it."""

    sessions: tuple[SessionSeen, ...] = ()
    """Those that say that they are in this room, and those that were not long ago; newest last."""

    joining_since: float | None = None
    """Since when a worker has had a job for this room whose agent is not there yet; None = no worker has."""

    closure: Closure | None = None
    attempts: Attempts = Attempts()
    asked: Mapping[str, Asked] = field(default_factory=dict)
    """By incarnation: the last answers of agents that were asked through LiveKit."""

    told_to_leave: Mapping[str, float] = field(default_factory=dict)
    """By identity: when the keeper asked an agent to leave."""

    worker_came_at: float = -math.inf
    """When a worker was last taken by LiveKit: before, asking for an agent may have been in vain."""

    knows_workers: bool = True
    """A worker beats here, so that the jobs that it has taken are known."""

    vanished: str | None = None
    """Incarnation of the last agent of ours that left LiveKit's list without saying that it leaves."""

    vanished_at: float = -math.inf
    losses: tuple[float, ...] = ()
    """When agents of this room were lost, the latest last."""
