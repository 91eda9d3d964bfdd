"""Who else is in the room of somebody of ours."""

from __future__ import annotations

import asyncio

from livekit import rtc

from stack.errors import StackError
from stack.until import until

AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


class Watcher:
    """Somebody in a room, as far as others are concerned."""

    room_name: str
    identity: str
    _room: rtc.Room | None

    @property
    def room(self) -> rtc.Room:
        if self._room is None:
            raise StackError(f"{self.identity} is not in {self.room_name}")
        return self._room

    @property
    def others(self) -> list[rtc.RemoteParticipant]:
        """The participants it sees."""
        return list(self.room.remote_participants.values())

    @property
    def agents(self) -> list[str]:
        """Identities of the agents it sees."""
        return [one.identity for one in self.others if one.kind == AGENT]

    async def wait_for_agent(self, *, limit: float = 10) -> str:
        """Identity of an agent, once one is in the room.

        Raises:
            LateError: None came.
        """
        agents = await until(lambda: self.agents, timeout=limit, what=f"an agent in {self.room_name}")
        return agents[0]

    async def wait_for_agent_gone(self, *, limit: float) -> float:
        """When it was seen that no agent is in the room, in the loop's time.

        Raises:
            LateError: One stays.
        """
        await until(lambda: not self.agents, timeout=limit, what=f"no agent in {self.room_name}")
        return asyncio.get_running_loop().time()
