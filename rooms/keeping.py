"""Keeps an agent in every room with a human: looks at all rooms, now and whenever something tells of one."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Awaitable, Callable, Collection

from rooms.beats import Beats
from rooms.brake import Brake
from rooms.errors import LiveKitError, no_room
from rooms.history import Event
from rooms.leading import Leadership
from rooms.limits import Intervals, KeepLimits
from rooms.listing import Listing
from rooms.livekit import LiveKit
from rooms.memory import Memory
from rooms.picture import Closure, Picture
from rooms.tally import Counts
from rooms.tending import Tending
from rooms.views import CloseReport
from wire import AgentId, job_metadata

logger = logging.getLogger(__name__)

_AT_ONCE = 16
"""Rooms that are looked at together."""

_LEAST_PAUSE = 0.001
"""Seconds between two turns in which nothing happened."""


class Keeping:
    """The rooms of one LiveKit project, kept.

    Args:
        livekit: The server.
        beats: What agents say.
        leadership: Whether this registry may act. All registries look.
        record: Writes an event down.
        changed: Called with the name of a room of which a page would show something else now.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        livekit: LiveKit,
        *,
        beats: Beats,
        leadership: Leadership,
        record: Callable[[Event], None],
        clock: Callable[[], float],
        changed: Callable[[str], None] = lambda _: None,
        limits: KeepLimits | None = None,
        intervals: Intervals | None = None,
    ) -> None:
        self.livekit = livekit
        self.leadership = leadership
        self.limits = limits or KeepLimits()
        self.intervals = intervals or Intervals()
        self._clock = clock
        self.counts = Counts(since=clock())
        self.brake = Brake()
        self._listing = Listing(livekit, clock=clock, reach_changed=lambda: changed(""))
        self._tending = Tending(
            self._listing,
            livekit=livekit,
            beats=beats,
            leadership=leadership,
            counts=self.counts,
            brake=self.brake,
            record=record,
            changed=changed,
            wake=self.wake,
            clock=clock,
            limits=self.limits,
            intervals=self.intervals,
        )
        self._woken = asyncio.Event()
        self._next_rooms_at = -math.inf
        self._slots = asyncio.Semaphore(_AT_ONCE)

    # -- what is known

    @property
    def memories(self) -> dict[str, Memory]:
        """The rooms, by name."""
        return self._listing.memories

    @property
    def known_agents(self) -> dict[str, AgentId]:
        """By the room's sid: which agent belongs into rooms that do not say so themselves."""
        return self._listing.known_agents

    @property
    def closures(self) -> dict[str, Closure]:
        """By the room's sid: rooms that an operator closed."""
        return self._listing.closures

    @property
    def out_of_reach(self) -> str | None:
        """Why LiveKit cannot be asked; None = it can."""
        return self._listing.out_of_reach

    def new_memory(self, room: str) -> Memory:
        """What is known of a room that was never seen."""
        return self._listing.new_memory(room)

    def picture(self, memory: Memory) -> Picture:
        """Everything that is known of a room now."""
        return self._tending.picture(memory)

    # -- what operators and programs want

    def expect(self, room: str, sid: str, agent_id: AgentId) -> None:
        """Say which agent belongs into a room that LiveKit has, whatever the room itself says."""
        self._listing.expect(room, sid, agent_id)

    async def send(self, room: str, sid: str, agent_id: AgentId) -> str | None:
        """Ask for an agent for somebody who is about to come into a room that LiveKit has.

        It waits until nobody looks at the room, and nobody does before it is done.

        Returns:
            The dispatch's id; None = one is there, or on its way, or an operator closed the room.

        Raises:
            LiveKitError: It is out of reach, or refuses.
        """
        memory = self.memories.get(room)
        if memory is None or memory.sid != sid:
            await self.list_rooms()  # it was made a moment ago
            memory = self.memories.get(room)
        if memory is None or memory.sid != sid:  # LiveKit's list is late, and nobody is known to be there
            return await self.livekit.dispatch(room, metadata=job_metadata(agent_id))
        async with memory.lease:
            return await self._tending.send(memory, agent_id)

    async def close(
        self,
        name: str,
        closure: Closure,
        *,
        force: bool,
        write_down: Callable[[str, str, Closure], Awaitable[None]],
    ) -> CloseReport:
        """Let the agents of a room leave, and send none while the room lasts. Humans stay. May be called twice.

        It waits until nobody looks at the room, and nobody does before it is done.

        Args:
            force: Remove the agents at once, without asking.
            write_down: Makes it durable, by the room's sid and name, before any agent is touched.

        Raises:
            NoRoomError: LiveKit has no such room.
            LiveKitError: It is out of reach, or refuses.
        """
        if name not in self.memories:
            await self.list_rooms()  # it may have been made a moment ago
        memory = self.memories.get(name)
        if memory is None:
            if self.out_of_reach is not None:
                raise LiveKitError(self.out_of_reach)
            raise no_room(name)
        async with memory.lease:
            await self.list_rooms()  # it may have been made anew a moment ago
            report = await self._tending.close(memory, closure, force=force, write_down=write_down)
        self.wake(name)
        return report

    # -- what wakes it

    def wake(self, room: str | None) -> None:
        """Look now: at a room whose participants may have changed, or, with None, at the list of all rooms."""
        memory = None if room is None else self.memories.get(room)
        if memory is None:
            self._listing.is_wanted = True
        else:
            memory.is_stale = True
            memory.look_at = -math.inf
        self._woken.set()

    def wake_all(self) -> None:
        """Look at every room now: a worker came, or this registry leads from now on."""
        for memory in self.memories.values():
            memory.look_at = -math.inf
        self._listing.is_wanted = True
        self._woken.set()

    # -- the loop

    async def run(self) -> None:
        """Keep the rooms, for ever."""
        try:
            while True:
                try:
                    await self._turn()
                except Exception:
                    logger.exception("a look at the rooms failed", extra={"action": "rooms.failed"})
                    await asyncio.sleep(1.0)
        finally:
            await self._end_tasks()

    async def _turn(self) -> None:
        now = self._clock()
        if self._listing.is_wanted or now >= self._next_rooms_at:
            self._listing.is_wanted = False
            await self.list_rooms()
            self._next_rooms_at = self._clock() + self.intervals.rooms
        now = self._clock()
        next_at = self._next_rooms_at
        # While LiveKit is out of reach there is nothing to see: the next list of rooms says when it is back.
        for memory in list(self.memories.values()) if self.out_of_reach is None else ():
            if memory.tending is not None:
                continue
            due_at = max(memory.rests_until, min(memory.look_at, memory.seen_at + self.intervals.health))
            if now >= due_at:
                memory.look_at = math.inf
                memory.tending = asyncio.create_task(self._tend(memory), name="rooms-tend")
                memory.tending.add_done_callback(functools.partial(self._tended, memory))
            else:
                next_at = min(next_at, due_at)
        try:
            # A timer may fire one clock resolution early; without a least pause this would spin on the rest.
            async with asyncio.timeout(max(_LEAST_PAUSE, next_at - self._clock())):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    def _tended(self, memory: Memory, _: asyncio.Task[None]) -> None:
        memory.tending = None
        self._woken.set()

    async def list_rooms(self) -> None:
        """Take LiveKit's list of all rooms, if it is in reach."""
        for ended in await self._listing.read():
            self._tending.show(ended)

    async def _tend(self, memory: Memory) -> None:
        """Look at one room, decide, and act, when nobody else acts on it."""
        async with memory.lease, self._slots:
            await self._tending.tend(memory)

    async def _end_tasks(self) -> None:
        tasks: Collection[asyncio.Task[None]] = [
            task
            for memory in self.memories.values()
            for task in (memory.tending, *memory.asking.values())
            if task is not None
        ]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
