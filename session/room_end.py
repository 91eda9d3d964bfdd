"""What becomes of a room when its agent leaves."""

from __future__ import annotations

import logging

from livekit.protocol import agent

from lifecycle import CloseReason
from session.server_api import ServerApi
from wire import AgentId, resumes_in, successors_metadata

logger = logging.getLogger(__name__)

_KEEPS_ROOM = {
    CloseReason.DUPLICATE,
    CloseReason.ROOM_CLOSED,
    CloseReason.REMOVED,
    CloseReason.DISCONNECTED,
}
"""Another agent is in the room or will be, the room is gone, or LiveKit is: there is nothing to delete."""

_NOBODY_THERE = {CloseReason.HUMANS_LEFT, CloseReason.NEVER_JOINED}
"""The agent leaves because nobody is there, so whoever is there after all must get another."""

_CUT_SHORT = {CloseReason.WORKER_SHUTDOWN, CloseReason.PIPELINE_ENDED, CloseReason.FAILED}
"""The agent leaves in the middle of a conversation."""

SHORTEST_LIFE = 10.0
"""Seconds that a call must have lasted before it failed for another one to be tried. What fails sooner fails again."""


def sends_successor(reason: CloseReason, *, lasted: float, has_keeper: bool) -> bool:
    """Whether the leaving agent sends another one, if a human is there.

    Args:
        lasted: Seconds that the call has lasted.
        has_keeper: A registry has heard of the end, and sees to it that there is an agent.
    """
    if has_keeper:
        return False
    if reason in _CUT_SHORT:
        return not reason.is_error or lasted >= SHORTEST_LIFE
    return reason in _NOBODY_THERE


async def leave_behind(
    server_api: ServerApi,
    job: agent.Job,
    reason: CloseReason,
    *,
    agent_id: AgentId,
    incarnation: str,
    is_followed: bool,
) -> None:
    """Delete the room if no human is in it by LiveKit's own list; send an agent to whoever is there and needs one.

    Args:
        job: The leaving agent's.
        reason: Why it leaves.
        agent_id: Which agent it is.
        incarnation: Its life; empty if it was never in the room.
        is_followed: By another one that this agent sends, if a human is there; see `sends_successor`.
    """
    if reason in _KEEPS_ROOM:
        return
    room_name = job.room.name
    humans = await server_api.humans(room_name)
    if humans == []:
        await server_api.delete_room(room_name)
    elif not humans or not is_followed:
        return
    elif reason in _NOBODY_THERE:
        # LiveKit sends an agent to a room only once, when it is made.
        logger.info(
            "a human came too late for this agent, another one is sent", extra={"action": "call.again"}
        )
        await server_api.dispatch(
            room_name,
            agent_name=job.agent_name,
            metadata=successors_metadata(job.metadata, agent_id=agent_id, resumes=None),
        )
    else:
        # Who deletes an agent's dispatch ends its job, and wants no other.
        if await server_api.is_dispatch_deleted(room_name, dispatch_id=job.dispatch_id):
            return
        logger.info("a human is still there, another agent is sent", extra={"action": "call.goes_on"})
        resumes = incarnation or resumes_in(job.metadata)
        await server_api.dispatch(
            room_name,
            agent_name=job.agent_name,
            metadata=successors_metadata(job.metadata, agent_id=agent_id, resumes=resumes),
        )
