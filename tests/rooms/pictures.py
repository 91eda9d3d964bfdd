"""Pictures of rooms for tests. Moments are seconds of a clock that shows `NOW`."""

from __future__ import annotations

import math
from typing import Any

from rooms.picture import AgentSeen, Answer, Asked, Health, HumanSeen, Picture, RoomSeen, SessionSeen
from wire import AgentId

NOW = 1_000.0
NAME = "agent-1-room"


def an_agent(name: str = "a", **fields: Any) -> AgentSeen:
    """One of ours, in the room for long, with the incarnation `name`."""
    given: dict[str, Any] = {
        "identity": f"ai-{name}",
        "agent_id": "1",
        "incarnation": name,
        "leaving": None,
        "joined_at": 1.0,
        "is_active": True,
        "first_seen_at": NOW - 500,
    }
    return AgentSeen(**(given | fields))


def a_foreign_agent(**fields: Any) -> AgentSeen:
    return an_agent("other", **({"incarnation": None, "agent_id": None} | fields))


def a_session(
    name: str = "a", health: Health = Health.ALIVE, *, ago: float = 400.0, **fields: Any
) -> SessionSeen:
    """The session of incarnation `name`, whose health has been so for `ago` seconds."""
    given: dict[str, Any] = {
        "row_id": "1",
        "incarnation": name,
        "health": health,
        "since": NOW - ago,
        "phase": "active",
        "grace_ends_at": None,
        "is_connected": True,
        "closing": None,
        "host": "here",
        "cause": "" if health is Health.ALIVE else f"it is {health.value}",
    }
    return SessionSeen(**(given | fields))


def a_room(*agents: AgentSeen, humans: int = 1, since: float = 300.0, **fields: Any) -> RoomSeen:
    """A room in which the humans, or the emptiness, have been for `since` seconds, and so has the lack of agents."""
    given: dict[str, Any] = {
        "name": NAME,
        "sid": "RM_1",
        "created_at": 1.0,
        "departure_timeout": 20.0,
        "humans": tuple(HumanSeen(identity=f"ann{number}", role="client") for number in range(humans)),
        "agents": agents,
        "others": (),
        "seen_at": NOW,
        "human_since": NOW - since if humans else None,
        "empty_since": None if humans else NOW - since,
        "agentless_since": None if agents else NOW - since,
    }
    return RoomSeen(**(given | fields))


def a_picture(room: RoomSeen | None, *sessions: SessionSeen, **fields: Any) -> Picture:
    given: dict[str, Any] = {"name": NAME, "agent_id": AgentId("1"), "room": room, "sessions": sessions}
    return Picture(**(given | fields))


def asked(
    answer: Answer, *, ago: float = 0.0, name: str = "a", silent_for: float | None = None
) -> dict[str, Asked]:
    """What came of asking incarnation `name`, whose silence began with this answer, or `silent_for` seconds ago."""
    silent_since = NOW - (ago if silent_for is None else silent_for)
    return {
        name: Asked(
            answer=answer, at=NOW - ago, silent_since=silent_since if answer is Answer.SILENT else math.inf
        )
    }
