"""What the keeper remembers of one room between two looks at it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rooms.decide import Decision
from rooms.history import Event
from rooms.livekit import ListedRoom, Participant
from rooms.phases import Phase
from rooms.picture import AgentSeen, Asked, Attempts, Closure, HumanSeen, RoomSeen
from wire import AGENT_ID, INCARNATION, LEAVING, AgentId


@dataclass(slots=True, kw_only=True, eq=False)
class Memory:
    """One room, by name. It may end and be made again: then `sid` is another one, and most is forgotten."""

    name: str
    agent_id: AgentId | None
    """Which agent belongs here, by the room's name or what is known of it; None = none of ours."""

    listed: ListedRoom | None = None
    """LiveKit's last word on it; None = it has no such room."""

    room: RoomSeen | None = None
    """With its participants, as they were at `seen_at`."""

    listed_since: float = -math.inf
    """When the keeper saw it first."""

    seen_at: float = -math.inf
    """When its participants were listed last."""

    had_human: bool = False
    is_stale: bool = True
    """Something has happened since: its participants are to be listed again."""

    phase: Phase = Phase.EMPTY
    phase_since: float = -math.inf
    closure: Closure | None = None
    attempts: Attempts = field(default_factory=Attempts)
    dispatch_id: str | None = None
    """Of the last agent that was asked for."""

    vanished: str | None = None
    """Incarnation of the last agent of ours that left the list without saying that it leaves."""

    vanished_at: float = -math.inf
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=8))
    """When agents of this room were lost."""

    lost_at: float | None = None
    """When its agent was known to be lost; None = it is not, or a successor is there."""

    asked: dict[str, Asked] = field(default_factory=dict)
    told_to_leave: dict[str, float] = field(default_factory=dict)
    asking: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    decision: Decision | None = None
    decided_at: float = -math.inf
    deleted_at: float = -math.inf
    look_at: float = math.inf
    rests_until: float = -math.inf
    """After a look that failed: until when nobody looks again, whatever is to be seen."""

    tending: asyncio.Task[None] | None = None
    lease: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who looks at it, decides and acts: never two at once."""

    @property
    def sid(self) -> str:
        return "" if self.listed is None else self.listed.sid

    @property
    def is_busy(self) -> bool:
        """Somebody looks at it, acts on it, or asks its agents, now."""
        return self.tending is not None or self.lease.locked() or bool(self.asking)

    def list_as(self, listed: ListedRoom | None, *, now: float) -> None:
        """Take LiveKit's word on the room itself."""
        if listed is None:
            if self.listed is not None:
                self._forget(now)
                self.listed = self.room = None
            return
        if self.listed is None or self.listed.sid != listed.sid:
            self._forget(now)
            self.listed_since = now
        elif listed.n_participants != self.listed.n_participants:
            self.is_stale = True
        self.listed = listed

    def _forget(self, now: float) -> None:
        """What was known of a room of this name is not true of the next one."""
        self.room = None
        self.seen_at = -math.inf
        self.is_stale = True
        self.had_human = False
        self.attempts = Attempts()
        self.dispatch_id = None
        self.lost_at = None
        self.losses.clear()
        self.vanished = None
        self.asked.clear()
        self.told_to_leave.clear()

    def see(self, participants: Sequence[Participant], *, now: float) -> list[Event]:
        """Take LiveKit's list of who is there. Returns what has changed."""
        listed = self.listed
        assert listed is not None  # noqa: S101  # asked by the caller
        old = self.room
        known = {} if old is None else {agent.identity: agent for agent in old.agents}
        humans = tuple(
            HumanSeen(identity=one.identity, role=one.human_role) for one in participants if one.human_role
        )
        agents = tuple(
            AgentSeen(
                identity=one.identity,
                agent_id=one.attributes.get(AGENT_ID),
                incarnation=one.attributes.get(INCARNATION),
                leaving=one.attributes.get(LEAVING) or None,
                joined_at=one.joined_at,
                is_active=one.is_active,
                first_seen_at=known[one.identity].first_seen_at if one.identity in known else now,
            )
            for one in participants
            if one.is_agent
        )
        self.room = RoomSeen(
            name=self.name,
            sid=listed.sid,
            created_at=listed.created_at,
            departure_timeout=listed.departure_timeout,
            humans=humans,
            agents=agents,
            others=tuple(one.identity for one in participants if not one.is_agent and one.human_role is None),
            seen_at=now,
            human_since=_since(None if old is None else old.human_since, is_so=bool(humans), now=now),
            empty_since=_since(None if old is None else old.empty_since, is_so=not humans, now=now),
            agentless_since=_since(None if old is None else old.agentless_since, is_so=not agents, now=now),
        )
        self.seen_at = now
        # Who is there counts more than the room's name: somebody may have asked for another agent than that one's.
        there = next(
            (one.agent_id for one in agents if one.is_ours and not one.leaving and one.agent_id), None
        )
        self.agent_id = self.agent_id if there is None else AgentId(there)
        self.had_human = self.had_human or bool(humans)
        present = {agent.identity for agent in agents}
        self.told_to_leave = {who: at for who, at in self.told_to_leave.items() if who in present}
        return list(self._changes(old, self.room, now))

    def _changes(self, old: RoomSeen | None, new: RoomSeen, now: float) -> Iterator[Event]:
        def event(kind: str, text: str) -> Event:
            return Event(at=now, room=self.name, sid=new.sid, kind=kind, text=text)

        n_before = 0 if old is None else len(old.humans)
        n_now = len(new.humans)
        if n_now and not n_before:
            yield event("human_came", "a human is there" if n_now == 1 else f"{n_now} humans are there")
        elif n_before and not n_now:
            yield event("humans_left", "the last human has left")
        before = {} if old is None else {agent.identity: agent for agent in old.agents}
        after = {agent.identity: agent for agent in new.agents}
        for identity in after.keys() - before.keys():
            yield event("agent_came", f"{identity} is in the room")
        for identity in before.keys() - after.keys():
            if before[identity].incarnation is not None and not before[identity].leaving:
                self.vanished, self.vanished_at = before[identity].incarnation, now
            yield event("agent_left", f"{identity} is not in the room any more")


def _since(old: float | None, *, is_so: bool, now: float) -> float | None:
    if not is_so:
        return None
    return now if old is None else old
