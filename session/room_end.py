"""What becomes of a room when its agent leaves."""

from __future__ import annotations

import logging

from livekit.protocol import agent

from lifecycle import CloseReason
from session.server_api import ServerApi

logger = logging.getLogger(__name__)

_KEEPS_ROOM = {CloseReason.DUPLICATE, CloseReason.ROOM_CLOSED, CloseReason.DISCONNECTED}
"""Another agent is in the room, the room is gone, or LiveKit is: there is nothing to delete."""

_NOBODY_THERE = {CloseReason.HUMANS_LEFT, CloseReason.NEVER_JOINED}
"""The agent leaves because nobody is there, so whoever is there after all must get another."""


async def leave_behind(server_api: ServerApi, job: agent.Job, reason: CloseReason) -> None:
    """Delete the room if no human is in it by LiveKit's own list; send an agent to whoever came too late for this one.

    Args:
        job: The leaving agent's.
        reason: Why it leaves.
    """
    if reason in _KEEPS_ROOM:
        return
    room_name = job.room.name
    humans = await server_api.humans(room_name)
    if humans == []:
        await server_api.delete_room(room_name)
    elif humans and reason in _NOBODY_THERE:
        # LiveKit sends an agent to a room only once, when it is made.
        logger.info(
            "a human came too late for this agent, another one is sent", extra={"action": "call.again"}
        )
        await server_api.dispatch(room_name, agent_name=job.agent_name, metadata=job.metadata)
