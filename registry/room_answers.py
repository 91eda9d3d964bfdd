"""Bodies and answers of the API of rooms, beyond `rooms.views`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from registry.api_requests import Author, Reason, Words
from registry.session_records import RoomEvent
from rooms.tokens import LONGEST
from rooms.views import RoomAgentView, RoomEventView
from wire.texts import LINE

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST, extra_json_schema={"pattern": LINE})]


class CloseBody(Words, frozen=True, kw_only=True, rename="camel"):
    """Why no agent is to be in a room until the room ends."""

    force: bool = False
    """Agents are removed at once instead of asked to leave."""


class GarbageBody(Words, frozen=True, kw_only=True, rename="camel"):
    """Why rooms and agents that nobody needs are looked for now."""

    reason: Reason = "asked for"
    by: Author = "api"
    dry_run: bool = False
    """Only tell what would go."""


class TokenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Who wants to come into which room. Without a room: the agent's own, `agent-<agentId>-room`."""

    room: _Name | None = None
    agent_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    identity: _Name | None = None
    """None = the same for each browser, kept in a cookie. A coach's begins with `coach-`."""

    name: Annotated[str, msgspec.Meta(max_length=LONGEST, extra_json_schema={"pattern": LINE})] = ""
    """Shown to others in the room."""

    role: Literal["client", "coach"] = "client"


class SessionBody(TokenBody, frozen=True, kw_only=True, rename="camel"):
    """Who wants to talk to which agent, and where."""

    dispatch: bool | None = None
    """Whether an agent is sent to the room. None = only to rooms not named `agent-<id>-room`: to the others one comes
    by itself."""


class TokenGiven(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How to come into a room."""

    url: str
    token: str
    room: str
    identity: str
    expires_in: int
    """Seconds in which the token can be used."""


class SessionStarted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A room that waits for its human, and how to come into it."""

    room: str
    agent_id: str
    url: str
    token: str
    identity: str
    dispatch_id: str | None
    """None = no agent was sent: the one in the room's name comes by itself, one is there or on its way, or an operator
    closed the room."""


class RoomAgent(RoomAgentView, frozen=True, kw_only=True, rename="camel"):
    """An agent on LiveKit's list of a room, with the room."""

    room: str


class RoomAgents(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The agents in all rooms, by room."""

    agents: tuple[RoomAgent, ...]


class RoomEvents(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened in a room, and what was done about it, the newest first."""

    events: tuple[RoomEventView, ...]


class Nothing(msgspec.Struct, frozen=True):
    """An empty object."""


def in_room(agent: RoomAgentView, room: str) -> RoomAgent:
    return RoomAgent(room=room, **msgspec.structs.asdict(agent))


def event_view(event: RoomEvent) -> RoomEventView:
    """One row of a room's history."""
    return RoomEventView(
        id=event.id,
        at=event.at,
        room=event.room,
        sid=event.sid,
        kind=event.kind,
        text=event.text,
        by=event.by,
        evidence=event.evidence,
    )
