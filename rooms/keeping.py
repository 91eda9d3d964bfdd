"""Keeps an agent in every room with a human: looks at each room, decides, acts, and looks again."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Callable, Collection
from contextlib import suppress

from rooms.acting import Acting
from rooms.beats import Beats
from rooms.brake import Brake
from rooms.decide import Act, Decision, decide
from rooms.errors import LiveKitError
from rooms.history import Event
from rooms.judging import State, judge
from rooms.leading import Leadership
from rooms.limits import Intervals, KeepLimits
from rooms.livekit import ListedRoom, LiveKit
from rooms.memory import Memory
from rooms.phases import phase_of
from rooms.picture import Answer, Asked, Attempts, Closure, Picture
from rooms.tally import Counts
from wire import AgentId, AgentIdError, agent_id_in_metadata, agent_id_in_room

__all__ = ["RETURN_GRACE", "Intervals", "Keeping"]

logger = logging.getLogger(__name__)

_AT_ONCE = 16
"""Rooms that are looked at together."""

RETURN_GRACE = 2.0
"""Seconds after LiveKit is back in which nobody is missed: agents and humans come back by themselves."""

_FRESH = 0.25
"""Seconds that a list of participants is new enough to act on."""

_AFTER_ACT = 0.2
"""Seconds until a room is looked at after an act. One in which nothing comes of it must not use up all of `brake`."""

_LEAST_PAUSE = 0.001
"""Seconds between two turns in which nothing happened."""


_HARMLESS = (Act.NOTHING, Act.ASK)
"""Acts that each registry does, leading or not."""


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
        self.beats = beats
        self.leadership = leadership
        self.limits = limits or KeepLimits()
        self.intervals = intervals or Intervals()
        self.memories: dict[str, Memory] = {}
        self.clock = clock
        self.counts = Counts(since=clock())
        self.brake = Brake()
        self.out_of_reach: str | None = "LiveKit has not been asked yet"
        """Why LiveKit cannot be asked; None = it can."""

        self.known_agents: dict[str, AgentId] = {}
        """Which agent belongs into rooms whose names do not say so."""

        self.closures: dict[str, Closure] = {}
        """By the room's sid: rooms that an operator closed."""

        self._reachable_at = -math.inf
        self._record = record
        self._changed = changed
        self._acting = Acting(livekit, counts=self.counts, record=record)
        self._woken = asyncio.Event()
        self._wants_rooms = True
        self._next_rooms_at = -math.inf
        self._slots = asyncio.Semaphore(_AT_ONCE)

    # -- what wakes it

    def wake(self, room: str | None) -> None:
        """Look now: at a room whose participants may have changed, or, with None, at the list of all rooms."""
        memory = None if room is None else self.memories.get(room)
        if memory is None:
            self._wants_rooms = True
        else:
            memory.is_stale = True
            memory.look_at = -math.inf
        self._woken.set()

    def wake_all(self) -> None:
        """Look at every room now: a worker came, or this registry leads from now on."""
        for memory in self.memories.values():
            memory.look_at = -math.inf
        self._wants_rooms = True
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
        now = self.clock()
        if self._wants_rooms or now >= self._next_rooms_at:
            self._wants_rooms = False
            await self.list_rooms()
            self._next_rooms_at = self.clock() + self.intervals.rooms
        now = self.clock()
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
            async with asyncio.timeout(max(_LEAST_PAUSE, next_at - self.clock())):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    def _tended(self, memory: Memory, _: asyncio.Task[None]) -> None:
        memory.tending = None
        self._woken.set()

    async def list_rooms(self) -> None:
        """Take LiveKit's list of all rooms, if it is in reach."""
        try:
            listed = {room.name: room for room in await self.livekit.rooms()}
        except LiveKitError as error:
            self._set_reach(str(error))
            return
        self._set_reach(None)
        now = self.clock()
        for name in listed.keys() - self.memories.keys():
            self.memories[name] = self.new_memory(name, metadata=listed[name].metadata)
        for name, memory in list(self.memories.items()):
            before = memory.listed
            self._take(memory, listed.get(name), now)
            if memory.listed is None and before is not None:
                self._show(memory)
            if memory.listed is None and not memory.is_busy and now >= memory.deleted_at + 60.0:
                self.known_agents.pop(name, None)
                del self.memories[name]

    def _take(self, memory: Memory, listed: ListedRoom | None, now: float) -> None:
        old = memory.sid
        memory.list_as(listed, now=now)
        if old and memory.sid != old:
            self.known_agents.pop(memory.name, None)
        if listed is not None and memory.sid != old:
            memory.agent_id = self._agent_id(memory.name, listed.metadata)
        memory.closure = self.closures.get(memory.sid)
        if memory.is_stale or memory.sid != old:
            memory.look_at = -math.inf

    def new_memory(self, room: str, *, metadata: str = "") -> Memory:
        """What is known of a room that was never seen.

        Args:
            metadata: The room's.
        """
        return Memory(name=room, agent_id=self._agent_id(room, metadata))

    def _agent_id(self, room: str, metadata: str) -> AgentId | None:
        """Which agent belongs into a room: whom a session was made for, whom its metadata or its name says."""
        known = self.known_agents.get(room)
        if known is not None:
            return known
        with suppress(AgentIdError):
            if (agent_id := agent_id_in_metadata(metadata)) is not None:
                return agent_id
        with suppress(AgentIdError):
            return agent_id_in_room(room)
        return None

    def expect(self, room: str, agent_id: AgentId) -> None:
        """Say which agent belongs into a room, whatever its name says."""
        self.known_agents[room] = agent_id
        if (memory := self.memories.get(room)) is not None:
            memory.agent_id = agent_id

    def _set_reach(self, trouble: str | None) -> None:
        if (trouble is None) is (self.out_of_reach is None):
            self.out_of_reach = trouble
            return
        self.out_of_reach = trouble
        if trouble is None:
            self._reachable_at = self.clock()
            logger.info("LiveKit is in reach", extra={"action": "rooms.livekit_back"})
        else:
            logger.warning(
                "LiveKit is out of reach; no room is touched",
                extra={"action": "rooms.livekit_lost", "error": trouble},
            )
        self._changed("")

    # -- one room

    async def _tend(self, memory: Memory) -> None:
        """Look at one room, decide, and act. Never twice at once for one room: that is the room's lease."""
        async with self._slots:
            try:
                await self._look_and_act(memory)
            except LiveKitError as error:
                logger.warning(
                    "a room could not be kept; it is tried again",
                    extra={"action": "rooms.tend_failed", "room": memory.name, "error": str(error)},
                )
                memory.is_stale = True
                memory.look_at = memory.rests_until = self.clock() + 1.0
                self._wants_rooms = True  # whether LiveKit is out of reach, or this room only
            except Exception:
                logger.exception(
                    "a room could not be kept", extra={"action": "rooms.broke", "room": memory.name}
                )
                memory.look_at = memory.rests_until = self.clock() + self.intervals.rooms

    async def _look_and_act(self, memory: Memory) -> None:
        if memory.is_stale or self.clock() >= memory.seen_at + self.intervals.health:
            await self._list_participants(memory)
        decision = self._decide(memory)
        if decision.act not in _HARMLESS:
            if not await self._may_act(decision, memory):
                self._show(memory)
                return
            # To be sure of that took a moment, in which the agent may have come, or have been heard again.
            if memory.is_stale or self.clock() >= memory.seen_at + _FRESH:
                await self._list_participants(memory)
            decision = self._decide(memory)
        if decision.act is Act.ASK:
            self._ask(decision, memory)
        elif decision.act is not Act.NOTHING:
            now = self.clock()
            is_allowed = self.brake.allow(is_guess=decision.is_guess, n_rooms=len(self.memories), now=now)
            if is_allowed:
                await self._acting.act(decision, memory, self.picture(memory), now=now)
            memory.look_at = min(memory.look_at, now + (_AFTER_ACT if is_allowed else 1.0))
        self._show(memory)

    async def _list_participants(self, memory: Memory) -> None:
        if memory.listed is None:
            memory.is_stale = False
            memory.seen_at = self.clock()
            return
        memory.is_stale = False
        participants = await self.livekit.participants(memory.name)
        now = self.clock()
        if participants is None:
            self._take(memory, None, now)
            self._wants_rooms = True
            return
        for event in memory.see(participants, now=now):
            self._record(event)
        if not participants and memory.listed.n_participants:
            self._wants_rooms = True  # LiveKit says the same of a room that has ended

    def picture(self, memory: Memory) -> Picture:
        """Everything that is known of a room now."""
        agent_id = memory.agent_id
        if agent_id is None and memory.room is not None:
            said = next((agent.agent_id for agent in memory.room.agents if agent.agent_id), None)
            agent_id = memory.agent_id = AgentId(said) if said else None
        return Picture(
            name=memory.name,
            agent_id=agent_id,
            room=memory.room,
            sessions=tuple(self.beats.sessions_in(memory.name)),
            joining_since=self.beats.joining_since(memory.name),
            closure=memory.closure,
            attempts=memory.attempts,
            asked=memory.asked,
            told_to_leave=memory.told_to_leave,
            worker_came_at=self.beats.worker_came_at,
            losses=tuple(memory.losses),
            vanished=memory.vanished,
            vanished_at=memory.vanished_at,
            knows_workers=self.beats.knows_workers,
        )

    def _decide(self, memory: Memory) -> Decision:
        now = self.clock()
        picture = self.picture(memory)
        decision = decide(picture, now=now, limits=self.limits)
        self._count(memory, picture, now)
        memory.decision = decision
        memory.decided_at = now
        memory.look_at = -math.inf if memory.is_stale else decision.look_at
        return decision

    def _count(self, memory: Memory, picture: Picture, now: float) -> None:
        """See whether an agent that was waited for is there."""
        room = picture.room
        if room is None:
            return
        states = [judge(agent, picture, now=now, limits=self.limits).state for agent in room.agents]
        if not any(state in (State.WELL, State.FOREIGN) for state in states):
            if memory.attempts.n == self.limits.tries and memory.lost_at is not None:
                self.counts.recoveries_failed += 1
                memory.lost_at = None
            return
        if memory.attempts.n:
            self.counts.answered(now - memory.attempts.last_at)
            memory.attempts = Attempts()
            memory.dispatch_id = None
        if memory.lost_at is not None:
            self.counts.recovered(now - memory.lost_at)
            memory.lost_at = None

    async def _may_act(self, decision: Decision, memory: Memory) -> bool:
        """Whether this registry may act now; if not, the room is looked at again soon."""
        now = self.clock()
        if self.out_of_reach is not None or now < self._reachable_at + RETURN_GRACE:
            memory.look_at = min(memory.look_at, now + RETURN_GRACE)
            return False
        if not self.brake.would_allow(is_guess=decision.is_guess, n_rooms=len(self.memories), now=now):
            memory.look_at = min(memory.look_at, now + 1.0)
            return False
        if not await self.leadership.confirm():
            memory.look_at = min(memory.look_at, now + self.intervals.rooms)
            return False
        return True

    def _ask(self, decision: Decision, memory: Memory) -> None:
        """Ask agents how they are, beside everything else: a sign of their death must not wait for it."""
        room = memory.room
        for agent in () if room is None else room.agents:
            incarnation = agent.incarnation
            if agent.identity not in decision.identities or incarnation is None:
                continue
            if incarnation not in memory.asking:
                task = asyncio.create_task(self._hear(memory, agent.identity, incarnation), name="rooms-ask")
                memory.asking[incarnation] = task

    async def _hear(self, memory: Memory, identity: str, incarnation: str) -> None:
        try:
            answer = await self.livekit.ask(memory.name, identity)
            now, before = self.clock(), memory.asked.get(incarnation)
            # In a row: a silence of an earlier doubt is not the first of two.
            silent_since = now
            if before is not None and now < before.at + self.limits.health_interval:
                silent_since = min(now, before.silent_since)
            memory.asked[incarnation] = Asked(
                answer=answer, at=now, silent_since=silent_since if answer is Answer.SILENT else math.inf
            )
        finally:
            memory.asking.pop(incarnation, None)
            self.wake(memory.name)

    def _show(self, memory: Memory) -> None:
        """Settle the room's phase, and tell whoever shows it."""
        now = self.clock()
        picture = self.picture(memory)
        room = memory.room
        agents = [] if room is None else room.agents
        judged = [judge(agent, picture, now=now, limits=self.limits) for agent in agents]
        waiting = any(one.session is not None and one.session.phase == "grace_period" for one in judged)
        phase = phase_of(
            n_humans=0 if room is None else len(room.humans),
            states=[one.state for one in judged],
            had_human=memory.had_human or waiting,
            is_joining=picture.joining_since is not None,
            is_closed=memory.closure is not None,
        )
        if phase is not memory.phase:
            if memory.agent_id is not None:
                text = f"{memory.phase.value} → {phase.value}"
                self._record(Event(at=now, room=memory.name, sid=memory.sid, kind="phase", text=text))
            memory.phase, memory.phase_since = phase, now
        self._changed(memory.name)

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
