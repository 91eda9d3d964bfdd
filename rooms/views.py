"""What is told of rooms: the JSON of the API, of the page and of the command line. Moments are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class HumanView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    identity: str
    role: str
    """`client` or `coach`."""


class RoomAgentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An agent on LiveKit's list of a room."""

    identity: str
    agent_id: str | None
    incarnation: str | None
    """None = an agent of another program."""

    row_id: str | None
    """Id of its row among the agents; None = it beats to nobody here."""

    joined_at: datetime
    leaving: str | None
    health: str
    """`alive`, `stalled`, `suspect`, `gone`, `stopped`, `unknown` (no beats come here), or `foreign`."""


class DecisionView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the keeper last decided to do, or to wait for."""

    at: datetime
    action: str
    """`nothing`, `ask`, `dispatch`, `recover`, `ask_to_leave` or `remove`."""

    why: str


class ClosureView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    by: str
    reason: str
    at: datetime


class RoomView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One room."""

    name: str
    sid: str
    agent_id: str | None
    phase: str
    """`empty`, `starting`, `active`, `grace_period` or `closing`."""

    phase_since: datetime
    since: datetime
    """When LiveKit made the room."""

    grace_ends_at: datetime | None
    humans: tuple[HumanView, ...]
    agents: tuple[RoomAgentView, ...]
    last_decision: DecisionView | None
    trouble: str | None
    """Why it is red; None = it is not."""

    closed: ClosureView | None
    """An operator's wish that no agent is here."""

    attempts: int
    """Agents that were asked for in vain so far."""


class KeeperView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The room keeper itself."""

    is_on: bool
    """LiveKit's URL and keys are set, and ROOM_KEEPING is not off."""

    is_leading: bool
    """Of several registries on one database, one keeps the rooms."""

    is_led: bool
    """This registry or another one keeps them, as far as it is known."""

    is_reachable: bool
    """LiveKit answers."""

    livekit_url: str | None
    trouble: str | None
    """What keeps it from its work, in words."""

    webhook_seen_at: datetime | None
    forged_webhooks: int


class RoomList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    rooms: tuple[RoomView, ...]
    keeper: KeeperView


class RoomEventView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A row of a room's history."""

    id: int | None
    at: datetime
    room: str
    sid: str
    kind: str
    """Like `dispatch`, `recover`, `phase`, `agent_came`, `agent_left`, `human_came`, `humans_left`, `closed`."""

    text: str
    by: str
    evidence: dict[str, Any]
    """What was seen, for an act."""


class FactView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A link in the chain of why."""

    at: datetime | None
    source: str
    """`livekit`, `beats`, `worker`, `operator` or `keeper`."""

    text: str
    is_bad: bool = False


class WhyView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why there is, or is not, an agent in a room."""

    room: str
    answer: str
    """One sentence."""

    facts: tuple[FactView, ...]
    next_step: str
    next_at: datetime | None
    """When that happens if nothing else does; None = when something changes."""

    events: tuple[RoomEventView, ...]


class GraceStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    started: int
    cancelled: int
    """A human came back."""

    expired: int
    average_seconds: float | None
    """Of those that ended; None = none did."""


class RecoveryStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Agents that were brought back."""

    count: int
    failed: int
    average_seconds: float | None
    """From the moment at which the loss was known until the new agent was there."""


class DispatchStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    sent: int
    answered: int
    """An agent came."""

    p50_seconds: float | None
    p95_seconds: float | None


class RoomStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Counts since the registry started, and of sessions those of the last 24 hours in the database."""

    since: datetime
    phases: dict[str, int]
    """Rooms by phase; every phase is there."""

    without_agent: int
    """Rooms in which a human has been without an agent for more than 10 s."""

    grace: GraceStats
    recoveries: RecoveryStats
    dispatches: DispatchStats
    sessions: int
    """Started in the last 24 hours."""

    exit_codes: dict[str, int]
    """Sessions that ended in the last 24 hours, by exit code; `lost` = their process died and nobody knows."""

    crash_rate: float | None
    """Share of those that ended by an error or were lost, 0 to 1; None = none ended."""

    minutes_saved: float
    """Minutes since agents left by themselves in which their rooms stayed empty, 4 hours at most for each: what
    a process that never leaves would have burnt."""


class GarbageView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    what: str
    """`room`, `agent` or `hold`."""

    room: str
    identity: str | None
    why: str
    done: bool


class GarbageReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    dry_run: bool
    found: tuple[GarbageView, ...]


class CloseReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What closing a room has begun."""

    room: str
    asked: tuple[str, ...]
    """Identities of agents that were asked to leave."""

    removed: tuple[str, ...]
    """Identities that were removed, with force."""

    humans_left_there: int
