"""What the registry answers about rooms, as far as the command line reads it. Unknown fields are ignored."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cli.answers import Human


class RoomAgent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An agent on LiveKit's list of a room."""

    identity: str
    agent_id: str | None = None
    incarnation: str | None = None
    """None = an agent of another program."""

    row_id: str | None = None
    leaving: str | None = None
    health: str = "unknown"

    @property
    def is_serving(self) -> bool:
        """As far as anybody knows, it is there and stays."""
        return self.leaving is None and self.health not in ("gone", "stopped")


class Decision(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the room keeper last decided."""

    at: datetime
    action: str
    why: str


class Closure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An operator's wish that no agent is in a room."""

    by: str
    reason: str
    at: datetime


class Room(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One room. Moments are the registry's."""

    name: str
    agent_id: str | None = None
    """None = no agent of ours belongs here."""

    phase: str
    phase_since: datetime | None = None
    since: datetime
    grace_ends_at: datetime | None = None
    humans: tuple[Human, ...] = ()
    agents: tuple[RoomAgent, ...] = ()
    last_decision: Decision | None = None
    trouble: str | None = None
    closed: Closure | None = None
    attempts: int = 0

    @property
    def human_waits(self) -> bool:
        """A human is there, an agent belongs here, and none is there."""
        is_wanted = self.agent_id is not None and self.closed is None
        return is_wanted and bool(self.humans) and not any(agent.is_serving for agent in self.agents)


class Keeper(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The room keeper, by its own account."""

    is_on: bool
    is_leading: bool = True
    is_reachable: bool = True
    """LiveKit answers."""

    livekit_url: str | None = None
    trouble: str | None = None
    webhook_seen_at: datetime | None = None
    forged_webhooks: int = 0


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    rooms: tuple[Room, ...]
    keeper: Keeper


class RoomEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a room's history."""

    at: datetime
    kind: str
    text: str
    by: str = ""


class Fact(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A link in the chain of why."""

    at: datetime | None = None
    source: str
    text: str
    is_bad: bool = False


class Why(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why there is, or is not, an agent in a room."""

    room: str
    answer: str
    facts: tuple[Fact, ...] = ()
    next_step: str = ""
    next_at: datetime | None = None
    events: tuple[RoomEvent, ...] = ()


class Closed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What closing a room has begun."""

    asked: tuple[str, ...] = ()
    """Identities of agents that were asked to leave."""

    removed: tuple[str, ...] = ()
    """Identities that were removed, with force."""

    humans_left_there: int = 0


class Garbage(msgspec.Struct, frozen=True, kw_only=True):
    """Something that nobody needs."""

    what: str
    room: str
    identity: str | None = None
    why: str
    done: bool


class Collection(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a collection of garbage found."""

    dry_run: bool
    found: tuple[Garbage, ...]
