"""One room: looks at it, decides, and acts."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

from rooms.acting import Acting
from rooms.beats import Beats
from rooms.brake import Brake
from rooms.decide import Act, Decision, decide, lacks_agent
from rooms.errors import LiveKitError, no_room
from rooms.history import Event
from rooms.judging import State, judge
from rooms.leading import Leadership
from rooms.limits import Intervals, KeepLimits
from rooms.listing import RETURN_GRACE, Listing
from rooms.livekit import LiveKit
from rooms.memory import Memory
from rooms.phases import phase_of
from rooms.picture import Answer, Asked, Attempts, Closure, Picture
from rooms.tally import Counts
from rooms.views import CloseReport
from wire import INCARNATION, AgentId

logger = logging.getLogger(__name__)

_FRESH = 0.25
"""Seconds that a list of participants is new enough to act on."""

_AFTER_ACT = 0.2
"""Seconds until a room is looked at after an act. One in which nothing comes of it must not use up all of `brake`."""

_HARMLESS = (Act.NOTHING, Act.ASK)
"""Acts that each registry does, leading or not."""


class Tending:
    """Does what a room needs. Whoever calls it holds the room's lease, but for `picture` and `show`.

    Args:
        listing: All rooms.
        livekit: The server.
        beats: What agents say.
        leadership: Whether this registry may act. All registries look.
        counts: What is counted.
        brake: Holds back when too much breaks at once.
        record: Writes an event down.
        changed: Called with the name of a room of which a page would show something else now.
        wake: Has a room looked at soon.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        listing: Listing,
        *,
        livekit: LiveKit,
        beats: Beats,
        leadership: Leadership,
        counts: Counts,
        brake: Brake,
        record: Callable[[Event], None],
        changed: Callable[[str], None],
        wake: Callable[[str], None],
        clock: Callable[[], float],
        limits: KeepLimits,
        intervals: Intervals,
    ) -> None:
        self._listing = listing
        self._livekit = livekit
        self._beats = beats
        self._leadership = leadership
        self._counts = counts
        self._brake = brake
        self._record = record
        self._changed = changed
        self._wake = wake
        self._clock = clock
        self._limits = limits
        self._intervals = intervals
        self._acting = Acting(livekit, counts=counts, record=record)

    # -- what it does

    async def tend(self, memory: Memory) -> None:
        """Look at a room, decide, and act."""
        try:
            await self._look_and_act(memory)
        except LiveKitError as error:
            logger.warning(
                "a room could not be kept; it is tried again",
                extra={"action": "rooms.tend_failed", "room": memory.name, "error": str(error)},
            )
            memory.is_stale = True
            memory.look_at = memory.rests_until = self._clock() + 1.0
            self._listing.is_wanted = True  # whether LiveKit is out of reach, or this room only
        except Exception:
            logger.exception("a room could not be kept", extra={"action": "rooms.broke", "room": memory.name})
            memory.look_at = memory.rests_until = self._clock() + self._intervals.rooms

    async def close(
        self,
        memory: Memory,
        closure: Closure,
        *,
        force: bool,
        write_down: Callable[[str, str, Closure], Awaitable[None]],
    ) -> CloseReport:
        """Let the agents of a room leave, and send none while the room lasts. Humans stay.

        Args:
            force: Remove the agents at once, without asking.
            write_down: Makes it durable, by the room's sid and name, before any agent is touched.

        Raises:
            NoRoomError: LiveKit has no such room.
            LiveKitError: It is out of reach, or refuses.
        """
        participants = await self._livekit.participants(memory.name)
        if participants is None or memory.listed is None:
            raise no_room(memory.name)
        sid = memory.sid
        self._listing.close(memory, closure)
        await write_down(sid, memory.name, closure)
        self._record(
            Event(
                at=self._clock(),
                room=memory.name,
                sid=sid,
                kind="closed",
                text=f"closed by {closure.by}: {closure.reason}",
                by=closure.by,
                evidence={"force": force, "participants": len(participants)},
            )
        )
        agents = [one.identity for one in participants if one.is_agent and INCARNATION in one.attributes]
        asked: list[str] = []
        if force:
            for identity in agents:
                await self._livekit.remove(memory.name, identity)
        else:
            took = await asyncio.gather(
                *(self._livekit.ask_to_leave(memory.name, one, reason="operator") for one in agents)
            )
            asked = [identity for identity, is_taken in zip(agents, took, strict=True) if is_taken]
            memory.told_to_leave |= dict.fromkeys(asked, self._clock())
        return CloseReport(
            room=memory.name,
            asked=tuple(asked),
            removed=tuple(agents) if force else (),
            humans_left_there=sum(one.human_role is not None for one in participants),
        )

    async def send(self, memory: Memory, agent_id: AgentId) -> str | None:
        """Ask for an agent for somebody who is about to come.

        Returns:
            The dispatch's id; None = one is there, or on its way, or an operator closed the room.

        Raises:
            LiveKitError: LiveKit is out of reach, or refuses.
        """
        if memory.is_stale or self._clock() >= memory.seen_at + _FRESH:
            await self._list_participants(memory)
        now, picture = self._clock(), self.picture(memory)
        if not lacks_agent(picture, now=now, limits=self._limits):
            return None
        memory.agent_id = agent_id
        decision = Decision(act=Act.DISPATCH, why="somebody asked for an agent, and none is there")
        await self._acting.act(decision, memory, picture, now=now)
        return memory.dispatch_id

    # -- what is known

    def picture(self, memory: Memory) -> Picture:
        """Everything that is known of a room now."""
        agent_id = memory.agent_id
        return Picture(
            name=memory.name,
            agent_id=agent_id,
            room=memory.room,
            sessions=tuple(self._beats.sessions_in(memory.name)),
            joining_since=self._beats.joining_since(memory.name),
            closure=memory.closure,
            attempts=memory.attempts,
            asked=memory.asked,
            told_to_leave=memory.told_to_leave,
            worker_came_at=self._beats.worker_came_at(agent_id),
            losses=tuple(memory.losses),
            vanished=memory.vanished,
            vanished_at=memory.vanished_at,
            knows_workers=self._beats.knows_workers(agent_id),
        )

    def show(self, memory: Memory) -> None:
        """Settle the room's phase, and tell whoever shows it."""
        now = self._clock()
        picture = self.picture(memory)
        room = memory.room
        agents = [] if room is None else room.agents
        judged = [judge(agent, picture, now=now, limits=self._limits) for agent in agents]
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

    # -- the steps

    async def _look_and_act(self, memory: Memory) -> None:
        if memory.is_stale or self._clock() >= memory.seen_at + self._intervals.health:
            await self._list_participants(memory)
        decision = self._decide(memory)
        if decision.act not in _HARMLESS:
            if not await self._may_act(decision, memory):
                self.show(memory)
                return
            # To be sure of that took a moment, in which the agent may have come, or have been heard again.
            if memory.is_stale or self._clock() >= memory.seen_at + _FRESH:
                await self._list_participants(memory)
            decision = self._decide(memory)
        if decision.act is Act.ASK:
            self._ask(decision, memory)
        elif decision.act is not Act.NOTHING:
            now = self._clock()
            is_allowed = self._brake.allow(
                is_guess=decision.is_guess, n_rooms=len(self._listing.memories), now=now
            )
            if is_allowed:
                await self._acting.act(decision, memory, self.picture(memory), now=now)
            memory.look_at = min(memory.look_at, now + (_AFTER_ACT if is_allowed else 1.0))
        self.show(memory)

    async def _list_participants(self, memory: Memory) -> None:
        if memory.listed is None:
            memory.is_stale = False
            memory.seen_at = self._clock()
            return
        memory.is_stale = False
        participants = await self._livekit.participants(memory.name)
        now = self._clock()
        # Meanwhile the list may have told that the room has ended.
        if participants is None or memory.listed is None:
            self._listing.end(memory)
            return
        for event in memory.see(participants, now=now):
            self._record(event)
        if not participants and memory.listed.n_participants:
            self._listing.is_wanted = True  # LiveKit says the same of a room that has ended

    def _decide(self, memory: Memory) -> Decision:
        now = self._clock()
        picture = self.picture(memory)
        decision = decide(picture, now=now, limits=self._limits)
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
        states = [judge(agent, picture, now=now, limits=self._limits).state for agent in room.agents]
        if not any(state in (State.WELL, State.FOREIGN) for state in states):
            if memory.attempts.n == self._limits.tries and memory.lost_at is not None:
                self._counts.recoveries_failed += 1
                memory.lost_at = None
            return
        if memory.attempts.n:
            self._counts.answered(now - memory.attempts.last_at)
            memory.attempts = Attempts()
            memory.dispatch_id = None
        if memory.lost_at is not None:
            self._counts.recovered(now - memory.lost_at)
            memory.lost_at = None

    async def _may_act(self, decision: Decision, memory: Memory) -> bool:
        """Whether this registry may act now; if not, the room is looked at again soon."""
        now = self._clock()
        if not self._listing.is_steady(now=now):
            memory.look_at = min(memory.look_at, now + RETURN_GRACE)
            return False
        if not self._brake.would_allow(
            is_guess=decision.is_guess, n_rooms=len(self._listing.memories), now=now
        ):
            memory.look_at = min(memory.look_at, now + 1.0)
            return False
        if not await self._leadership.confirm():
            memory.look_at = min(memory.look_at, now + self._intervals.rooms)
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
            answer = await self._livekit.ask(memory.name, identity)
            now, before = self._clock(), memory.asked.get(incarnation)
            # In a row: a silence of an earlier doubt is not the first of two.
            silent_since = now
            if before is not None and now < before.at + self._limits.health_interval:
                silent_since = min(now, before.silent_since)
            memory.asked[incarnation] = Asked(
                answer=answer, at=now, silent_since=silent_since if answer is Answer.SILENT else math.inf
            )
        finally:
            memory.asking.pop(incarnation, None)
            self._wake(memory.name)
