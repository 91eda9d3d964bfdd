"""LiveKit's list of all rooms, as it was read last."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from rooms.belonging import agent_named_by, agent_told_by
from rooms.errors import LiveKitError
from rooms.livekit import ListedRoom, LiveKit
from rooms.memory import Memory
from rooms.picture import Closure
from wire import AgentId

logger = logging.getLogger(__name__)

RETURN_GRACE = 2.0
"""Seconds after LiveKit is back in which nobody is missed: agents and humans come back by themselves."""

_REMEMBERED = 60.0
"""Seconds that a room is remembered after it was deleted as garbage."""


class Listing:
    """The rooms of one LiveKit project, and whether it can be asked.

    Args:
        livekit: The server.
        clock: Monotonic seconds.
        reach_changed: Called when LiveKit gets out of reach, and when it is back.
    """

    def __init__(
        self, livekit: LiveKit, *, clock: Callable[[], float], reach_changed: Callable[[], None]
    ) -> None:
        self.memories: dict[str, Memory] = {}
        """By name."""

        self.known_agents: dict[str, AgentId] = {}
        """By the room's sid: which agent belongs into rooms that do not say so themselves."""

        self.closures: dict[str, Closure] = {}
        """By the room's sid: rooms that an operator closed."""

        self.out_of_reach: str | None = "LiveKit has not been asked yet"
        """Why LiveKit cannot be asked; None = it can."""

        self.is_wanted = True
        """It is to be read anew as soon as possible."""

        self._livekit = livekit
        self._clock = clock
        self._reach_changed = reach_changed
        self._reachable_at = -math.inf
        self._reading = asyncio.Lock()  # one at a time: an older list must not be taken after a newer one

    def is_steady(self, *, now: float) -> bool:
        """LiveKit is in reach, and has been for `RETURN_GRACE`."""
        return self.out_of_reach is None and now >= self._reachable_at + RETURN_GRACE

    async def read(self) -> list[Memory]:
        """Read it anew, if LiveKit is in reach. Returns the rooms that have ended."""
        async with self._reading:
            return await self._read()

    def end(self, memory: Memory) -> None:
        """LiveKit says, without the list, that it has no such room any more."""
        self._take(memory, None, self._clock())
        self.is_wanted = True

    def _take(self, memory: Memory, listed: ListedRoom | None, now: float) -> None:
        old = memory.sid
        memory.list_as(listed, now=now)
        if old and memory.sid != old:
            self.known_agents.pop(old, None)
        if listed is not None and memory.sid != old:
            told = agent_told_by(memory.name, metadata=listed.metadata)
            memory.agent_id = self.known_agents.get(memory.sid) or told
        memory.closure = self.closures.get(memory.sid)
        if memory.is_stale or memory.sid != old:
            memory.look_at = -math.inf

    def new_memory(self, room: str) -> Memory:
        """What is known of a room that was never seen."""
        return Memory(name=room, agent_id=agent_named_by(room))

    def expect(self, room: str, sid: str, agent_id: AgentId) -> None:
        """Say which agent belongs into a room that LiveKit has, whatever the room itself says."""
        self.known_agents[sid] = agent_id
        memory = self.memories.get(room)
        if memory is not None and memory.sid == sid:  # or it is not listed yet, or one of its name has ended
            memory.agent_id = agent_id
            memory.look_at = -math.inf

    def close(self, memory: Memory, closure: Closure) -> None:
        """Remember that no agent is to be in a room that LiveKit has. May be called twice: the last one counts."""
        self.closures[memory.sid] = memory.closure = closure

    async def _read(self) -> list[Memory]:
        try:
            listed = {room.name: room for room in await self._livekit.rooms()}
        except LiveKitError as error:
            self._set_reach(str(error))
            return []
        self._set_reach(None)
        now = self._clock()
        for name in listed.keys() - self.memories.keys():
            self.memories[name] = self.new_memory(name)
        ended = []
        for name, memory in list(self.memories.items()):
            before = memory.listed
            self._take(memory, listed.get(name), now)
            if memory.listed is None and before is not None:
                ended.append(memory)
            if memory.listed is None and not memory.is_busy and now >= memory.deleted_at + _REMEMBERED:
                del self.memories[name]
        return ended

    def _set_reach(self, trouble: str | None) -> None:
        if (trouble is None) is (self.out_of_reach is None):
            self.out_of_reach = trouble
            return
        self.out_of_reach = trouble
        if trouble is None:
            self._reachable_at = self._clock()
            logger.info("LiveKit is in reach", extra={"action": "rooms.livekit_back"})
        else:
            logger.warning(
                "LiveKit is out of reach; no room is touched",
                extra={"action": "rooms.livekit_lost", "error": trouble},
            )
        self._reach_changed()
