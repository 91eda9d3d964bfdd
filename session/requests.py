"""Which jobs a worker takes."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable

from livekit.agents import AssignmentTimeoutError, JobRequest
from livekit.protocol import agent

from session.joining import JoiningRooms
from wire import (
    AGENT_ID,
    INCARNATION,
    OURS,
    AgentId,
    AgentIdError,
    Profile,
    agent_id_in_metadata,
    agent_id_in_room,
)

logger = logging.getLogger(__name__)


def wanted_agent(job: agent.Job) -> AgentId:
    """Which agent a job asks for: `agent_id` in its metadata, else the `<id>` of ``agent-<id>-room``.

    Metadata that cannot be used is logged, and the room's name decides.

    Raises:
        AgentIdError: Neither names an agent.
    """
    try:
        named = agent_id_in_metadata(job.metadata)
    except AgentIdError as error:
        logger.warning(
            "the job's metadata is not used: %s",
            error,
            extra={"action": "job.bad_metadata", "room": job.room.name, "job_id": job.id},
        )
        named = None
    return named or agent_id_in_room(job.room.name)


class Requests:
    """Answers LiveKit's requests: takes a job for an agent's room while there is room for another call.

    Args:
        is_full: Whether the worker has no place left, the jobs that are being launched included.
        load_profile: Profile of an agent id, within a second or so: LiveKit waits for 2.5.
        joining: Is told of the jobs that are taken.
        ask_again: Asks LiveKit for another agent, if the job's room needs one. LiveKit gives a job up when this worker
            took longer than 2.5 s to answer, tells nobody, and never asks again: the caller would stay alone.
        only: The one agent that this worker is; None = it is every agent.
    """

    def __init__(
        self,
        *,
        is_full: Callable[[], bool],
        load_profile: Callable[[AgentId], Awaitable[Profile]],
        joining: JoiningRooms,
        ask_again: Callable[[agent.Job], Awaitable[None]],
        only: AgentId | None = None,
    ) -> None:
        self._is_full = is_full
        self._load_profile = load_profile
        self._joining = joining
        self._ask_again = ask_again
        self._only = only
        self._n_launching = 0

    @property
    def n_launching(self) -> int:
        """Jobs taken whose process has not got them yet."""
        return self._n_launching

    async def answer(self, request: JobRequest) -> None:
        """Take or refuse a job. A refused one is offered to the next worker (`terminate=False`)."""
        try:
            agent_id = self._agent_of(request.job)
        except AgentIdError as error:
            logger.info(
                "job refused: %s",
                error,
                extra={"action": "job.refused", "room": request.room.name, "job_id": request.id},
            )
            await request.reject(terminate=False)
            return
        if self._is_full():
            logger.warning(
                "job refused: this worker is full (MAX_CALLS, MIN_FREE_MEMORY_MB)",
                extra={"action": "job.full", "room": request.room.name, "job_id": request.id},
            )
            await request.reject(terminate=False)
            return
        # Between the check and this line there is no await: a burst cannot slip through.
        self._n_launching += 1
        self._joining.take(request.id, request.room.name)
        is_launched = False
        try:
            profile = await self._load_profile(agent_id)
            await request.accept(
                name=profile.name,
                identity=f"{OURS}{agent_id}-{request.id}",
                attributes={AGENT_ID: agent_id, INCARNATION: str(uuid.uuid4())},
            )
            is_launched = True
        except AssignmentTimeoutError:
            logger.warning(
                "LiveKit did not wait for this worker's answer; asking for another agent if a human waits",
                extra={"action": "job.lost", "room": request.room.name, "job_id": request.id},
            )
            await self._ask_again(request.job)
        finally:
            self._n_launching -= 1
            if is_launched:
                self._joining.launched(request.id)
            else:
                self._joining.drop(request.id)

    def _agent_of(self, job: agent.Job) -> AgentId:
        """Raises `AgentIdError`: the job asks for none, or for one that this worker is not."""
        agent_id = wanted_agent(job)
        if self._only not in (None, agent_id):
            raise AgentIdError(f"agent {agent_id!r} is for other workers; this one is {self._only!r} alone")
        return agent_id
