"""What is told of rooms, and what operators may do to them: the face of room keeping.

It is there in every registry. Where LiveKit's URL and keys are not set, or ROOM_KEEPING is off, it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from rooms.belonging import agent_named_by
from rooms.collecting import Collecting, garbage_view
from rooms.decide import decide
from rooms.errors import NotKeepingError
from rooms.explaining import explain
from rooms.history import Event
from rooms.keeping import Keeping
from rooms.memory import Memory
from rooms.phases import Phase
from rooms.picture import Closure
from rooms.showing import room_view
from rooms.tally import Counts
from rooms.views import (
    CloseReport,
    GarbageReport,
    KeeperView,
    RoomEventView,
    RoomView,
    WhyView,
)
from wire import AgentId, job_metadata


class Records(Protocol):
    """Where what happens to rooms is kept. None of it raises."""

    def add(self, event: Event) -> None:
        """Write an event down, soon."""

    def recent(self, room: str) -> Sequence[RoomEventView]:
        """The latest events of a room, newest first, from memory."""

    async def close(self, sid: str, room: str, closure: Closure) -> None:
        """Remember that an operator closed a room: durable afterwards, unless the database is away."""


class Keeper:
    """The face of room keeping.

    Args:
        keeping: The rooms; None = none are kept, because of `off`.
        records: Where history goes.
        off: Why none are kept, in one sentence with the way out.
        livekit_url: For people.
        agent_name: What workers are registered as; "" = they take automatic dispatches.
        clock: Monotonic seconds.
        date_of: The date of a moment of `clock`.
    """

    def __init__(
        self,
        keeping: Keeping | None,
        *,
        records: Records,
        clock: Callable[[], float],
        date_of: Callable[[float], datetime],
        off: str | None = None,
        livekit_url: str | None = None,
        agent_name: str = "",
    ) -> None:
        self.keeping = keeping
        self._records = records
        self._off = off
        self._livekit_url = livekit_url
        self._agent_name = agent_name
        self._clock = clock
        self._date_of = date_of
        self._webhook_at: float | None = None
        self._forged = 0
        self._collecting = None if keeping is None else Collecting(keeping, record=records.add, clock=clock)
        self._counts = Counts(since=clock()) if keeping is None else keeping.counts

    # -- looking

    def state(self) -> KeeperView:
        """The keeper itself."""
        keeping = self.keeping
        return KeeperView(
            is_on=keeping is not None,
            is_leading=keeping is not None and keeping.leadership.is_leading,
            is_led=keeping is not None and keeping.leadership.is_led,
            is_reachable=keeping is not None and keeping.out_of_reach is None,
            livekit_url=self._livekit_url,
            trouble=self._trouble(),
            webhook_seen_at=None if self._webhook_at is None else self._date_of(self._webhook_at),
            forged_webhooks=self._forged,
        )

    def _trouble(self) -> str | None:
        keeping = self.keeping
        if keeping is None:
            return self._off
        if keeping.out_of_reach is not None:
            return keeping.out_of_reach
        if keeping.brake.is_holding(now=self._clock()):
            return (
                "many agents fell silent at once and nobody saw them end: no more of them are replaced for now; "
                "look at the network between LiveKit and the agents"
            )
        if not keeping.leadership.is_leading:
            return "another registry on the same database keeps the rooms"
        return None

    def rooms(self) -> tuple[RoomView, ...]:
        """All rooms of ours, by name."""
        if self.keeping is None:
            return ()
        ours = [memory for memory in self.keeping.memories.values() if self._is_ours(memory)]
        return tuple(self._view(memory) for memory in sorted(ours, key=lambda memory: memory.name))

    def room(self, name: str) -> RoomView | None:
        """One room; None = LiveKit has none of this name."""
        memory = self._memory(name)
        return None if memory is None else self._view(memory)

    def why(self, name: str) -> WhyView:
        """Why there is, or is not, an agent in a room, which need not exist."""
        keeping = self._on()
        memory = keeping.memories.get(name) or keeping.new_memory(name)
        picture = keeping.picture(memory)
        now = self._clock()
        trouble = self._trouble()
        return explain(
            picture,
            decide(picture, now=now, limits=keeping.limits),
            now=now,
            limits=keeping.limits,
            date_of=self._date_of,
            hindrances=() if trouble is None else (trouble,),
            events=self._records.recent(name),
        )

    def stats(self) -> Counts:
        """What was counted since the start, and what there is now."""
        memories = (
            []
            if self.keeping is None
            else [one for one in self.keeping.memories.values() if self._is_ours(one)]
        )
        phases = dict.fromkeys((phase.value for phase in Phase), 0)
        for memory in memories:
            phases[memory.phase.value] += 1
        now = self._clock()
        ages = [
            now - agent.first_seen_at for memory in memories if memory.room for agent in memory.room.agents
        ]
        counts = self._counts
        counts.phases = phases
        counts.without_agent = sum(
            one.decision is not None and one.decision.trouble is not None for one in memories
        )
        counts.oldest_agent = max(ages, default=None)
        return counts

    # -- what wakes it

    def wake(self, room: str | None) -> None:
        """Look now: at a room, or, with None, at all of them."""
        if self.keeping is not None:
            self.keeping.wake(room)

    def webhook_seen(self, *, forged: bool) -> None:
        """A webhook came."""
        if forged:
            self._forged += 1
        else:
            self._webhook_at = self._clock()

    # -- what operators and programs want

    async def close(self, name: str, *, by: str, reason: str, force: bool) -> CloseReport:
        """Let the agents of a room leave, and send none while the room lasts. Humans stay.

        Args:
            force: Remove the agents at once, without asking.

        Raises:
            NoRoomError: LiveKit has no such room.
            NotKeepingError: No rooms are kept here.
            LiveKitError: It is out of reach, or refuses.
        """
        closure = Closure(by=by, reason=reason, at=self._clock())
        return await self._leading().close(name, closure, force=force, write_down=self._records.close)

    async def collect_garbage(self, *, dry_run: bool, by: str, reason: str) -> GarbageReport:
        """Find what nobody needs, and take away what was found twice.

        Raises:
            NotKeepingError: No rooms are kept here.
        """
        keeping = self._on() if dry_run else self._leading()
        assert self._collecting is not None  # noqa: S101  # it is there when `keeping` is
        found = self._collecting.look()
        if dry_run:
            return GarbageReport(dry_run=True, found=tuple(garbage_view(one, done=False) for one in found))
        views = await self._collecting.collect(found, by=by, reason=reason)
        keeping.wake(None)
        return GarbageReport(dry_run=False, found=views)

    async def create_room(
        self, name: str, *, agent_id: AgentId | None, metadata: str = "", dispatch: bool = False
    ) -> str | None:
        """Make a room that outlasts a grace period.

        A room that is named after its agent is sent one by LiveKit itself when it is made.

        Args:
            agent_id: Which agent is wanted there; None = whom its name says.
            metadata: The room's own.
            dispatch: Ask for the agent explicitly, where LiveKit does not send it by itself.

        Returns:
            The dispatch's id; None = none was needed: an agent comes by itself, is there or on its way, or an operator
            closed the room.

        Raises:
            NotKeepingError: No rooms are kept here.
            LiveKitError: It is out of reach, or refuses.
        """
        keeping = self._on()
        if not metadata and agent_id is not None and agent_named_by(name) != agent_id:
            metadata = job_metadata(agent_id)  # so that whoever keeps it later knows it, too
        sid = await keeping.livekit.create(name, metadata=metadata)
        if agent_id is not None:
            keeping.expect(name, sid, agent_id)
        keeping.wake(None)
        if not dispatch or agent_id is None or (not self._agent_name and agent_named_by(name) == agent_id):
            return None
        return await keeping.send(name, sid, agent_id)

    # -- inside

    def _on(self) -> Keeping:
        if self.keeping is None:
            raise NotKeepingError(self._off or "no rooms are kept here")
        return self.keeping

    def _leading(self) -> Keeping:
        keeping = self._on()
        if not keeping.leadership.is_leading:
            raise NotKeepingError("another registry on the same database keeps the rooms; ask that one")
        return keeping

    async def run_garbage(self) -> None:
        """Collect garbage now and then, for ever."""
        assert self._collecting is not None  # noqa: S101  # run only where rooms are kept
        await self._collecting.run()

    def _memory(self, name: str) -> Memory | None:
        memory = None if self.keeping is None else self.keeping.memories.get(name)
        return None if memory is None or memory.listed is None else memory

    def _view(self, memory: Memory) -> RoomView:
        keeping = self._on()
        return room_view(
            memory,
            keeping.picture(memory),
            now=self._clock(),
            limits=keeping.limits,
            date_of=self._date_of,
        )

    def _is_ours(self, memory: Memory) -> bool:
        room = memory.room
        return memory.listed is not None and (
            memory.agent_id is not None or (room is not None and any(agent.is_ours for agent in room.agents))
        )
