"""Which agent belongs into a room, by what the room itself says. Pure."""

from __future__ import annotations

from contextlib import suppress

from wire import AgentId, AgentIdError, agent_id_in_metadata, agent_id_in_room


def agent_named_by(room: str) -> AgentId | None:
    """The agent in a room's name: LiveKit's workers send it by themselves. None = the name tells none."""
    with suppress(AgentIdError):
        return agent_id_in_room(room)
    return None


def agent_told_by(room: str, *, metadata: str) -> AgentId | None:
    """The agent that a room was made for, by its metadata, or else by its name; None = neither tells one.

    Args:
        metadata: The room's. It may be anybody's, and of any form.
    """
    with suppress(AgentIdError):
        if (agent_id := agent_id_in_metadata(metadata)) is not None:
            return agent_id
    return agent_named_by(room)
