"""LiveKit in memory: the second implementation of `rooms.livekit.LiveKit`, for the keeper in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rooms.errors import LiveKitError
from rooms.livekit import ASK_TIMEOUT, DEPARTURE_TIMEOUT, EMPTY_TIMEOUT, ListedRoom, Participant
from rooms.picture import Answer
from wire import AGENT_ID, INCARNATION, LEAVING, NOT_HUMAN, OURS, is_human, role_of

STANDARD = 0

NOT_THERE = 4 * ASK_TIMEOUT
"""Seconds in which LiveKit looks for somebody who is not in the room."""


@dataclass(slots=True, kw_only=True, eq=False)
class FakeParticipant:
    identity: str
    is_agent: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    joined_at: float = 0.0
    answers: bool = True
    """It answers when it is asked. A dead or hung agent does not, and stays on the list."""

    obeys: bool = True
    """It leaves when it is asked to."""

    @property
    def seen(self) -> Participant:
        human = not self.is_agent and is_human(
            kind=STANDARD,
            identity=self.identity,
            attributes=self.attributes,
            human_kinds=frozenset({STANDARD}),
        )
        return Participant(
            identity=self.identity,
            is_agent=self.is_agent and not any(name in self.attributes for name in NOT_HUMAN),
            human_role=role_of(self.identity) if human else None,
            attributes=dict(self.attributes),
            joined_at=self.joined_at,
            is_active=True,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class FakeRoom:
    name: str
    sid: str
    created_at: float
    metadata: str = ""
    departure_timeout: float = 20.0
    empty_timeout: float = 300.0
    people: dict[str, FakeParticipant] = field(default_factory=dict)
    dispatches: dict[str, str] = field(default_factory=dict)
    """Id → metadata."""

    @property
    def agents(self) -> list[str]:
        return [one.identity for one in self.people.values() if one.is_agent]


class FakeLiveKit:
    """A server without a network. Tests let people come and go; the keeper asks through the seam.

    Args:
        worker_takes: Seconds until a worker's agent is there after it was asked for; None = no worker.
    """

    def __init__(self, *, worker_takes: float | None = None) -> None:
        self.worker_takes = worker_takes
        self.trouble: str | None = None
        """What every request fails with; None = it is in reach."""

        self.failing: dict[str, str] = {}
        """Requests that fail, by name, and with what."""

        self.latency = 0.002
        self.held: asyncio.Event | None = None
        """Set = requests wait for it before they are answered, after they have read."""

        self.made: dict[str, FakeRoom] = {}
        self.requests: Counter[str] = Counter()
        self.acts: list[tuple[float, str, str, str]] = []
        """Moment, request, room, and identity or metadata: of all that changed something."""

        self.on_agent: Callable[[str, FakeParticipant], None] = lambda _room, _agent: None
        self.is_closed = False
        self._numbers = itertools.count(1)
        self._timers: list[asyncio.TimerHandle] = []

    # -- what tests do

    def room(self, name: str) -> FakeRoom:
        """The room, which is made if it is not there."""
        if name not in self.made:
            number = next(self._numbers)
            self.made[name] = FakeRoom(name=name, sid=f"RM_{number}", created_at=float(number))
        return self.made[name]

    def join(self, room: str, identity: str, **fields: object) -> FakeParticipant:
        """A participant who is no agent comes."""
        return self._add(room, FakeParticipant(identity=identity, **fields))  # type: ignore[arg-type]

    def agent(
        self, room: str, incarnation: str | None, *, agent_id: str = "1", **fields: object
    ) -> FakeParticipant:
        """An agent comes; one of another program where `incarnation` is None."""
        ours = {} if incarnation is None else {INCARNATION: incarnation, AGENT_ID: agent_id}
        identity = f"{OURS}{agent_id}-{incarnation}" if incarnation else "someone-elses"
        one = FakeParticipant(identity=identity, is_agent=True, attributes=ours, **fields)  # type: ignore[arg-type]
        return self._add(room, one)

    def _add(self, room: str, one: FakeParticipant) -> FakeParticipant:
        one.joined_at = one.joined_at or float(next(self._numbers))
        self.room(room).people[one.identity] = one
        return one

    def leave(self, room: str, identity: str) -> None:
        self.made[room].people.pop(identity, None)

    def end(self, room: str) -> None:
        """The room ends, and everybody is out."""
        self.made.pop(room, None)

    def done(self, *names: str) -> list[tuple[str, str]]:
        """Requests of these names, each with whom or what it was about, in order."""
        return [(name, about) for _, name, _, about in self.acts if name in names or not names]

    def when(self, name: str) -> list[float]:
        return [at for at, done, _, _ in self.acts if done == name]

    # -- `rooms.livekit.LiveKit`

    async def rooms(self) -> list[ListedRoom]:
        await self._answer("rooms")
        return [
            ListedRoom(
                name=room.name,
                sid=room.sid,
                created_at=room.created_at,
                departure_timeout=room.departure_timeout,
                empty_timeout=room.empty_timeout,
                metadata=room.metadata,
                n_participants=len(room.people),
            )
            for room in self.made.values()
        ]

    async def participants(self, room: str) -> list[Participant] | None:
        """As livekit-server 1.13.5: nobody is in a room that is not there."""
        there = self.made.get(room)
        seen = [] if there is None else [one.seen for one in there.people.values()]
        await self._answer("participants")
        return seen

    async def ask(self, room: str, identity: str) -> Answer:
        one = await self._reach("ask", room, identity)
        if one is None:
            return Answer.UNKNOWN
        if not one.answers:
            await asyncio.sleep(2 * ASK_TIMEOUT)
            return Answer.SILENT
        return Answer.LEAVING if LEAVING in one.attributes else Answer.ANSWERED

    async def ask_to_leave(self, room: str, identity: str, *, reason: str) -> bool:
        one = await self._reach("ask_to_leave", room, identity)
        self._did("ask_to_leave", room, identity)
        if one is None or not one.answers:
            return False
        if one.obeys:
            one.attributes[LEAVING] = reason
            self._later(0.5, lambda: self.leave(room, identity))
        return True

    async def dispatch(self, room: str, *, metadata: str) -> str:
        await self._answer("dispatch")
        self._did("dispatch", room, metadata)
        there = self.room(room)
        dispatch_id = f"AD_{next(self._numbers)}"
        there.dispatches[dispatch_id] = metadata
        if self.worker_takes is not None:
            self._later(self.worker_takes, lambda: self._take(there, dispatch_id))
        return dispatch_id

    async def undispatch(self, room: str, dispatch_id: str) -> None:
        await self._answer("undispatch")
        self._did("undispatch", room, dispatch_id)
        if room in self.made:
            self.made[room].dispatches.pop(dispatch_id, None)

    async def remove(self, room: str, identity: str) -> None:
        await self._answer("remove")
        self._did("remove", room, identity)
        if room in self.made:
            self.leave(room, identity)

    async def create(self, room: str, *, metadata: str) -> str:
        await self._answer("create")
        self._did("create", room, metadata)
        if room not in self.made:
            made = self.room(room)
            made.metadata = metadata
            made.departure_timeout, made.empty_timeout = float(DEPARTURE_TIMEOUT), float(EMPTY_TIMEOUT)
        return self.made[room].sid

    async def delete(self, room: str) -> None:
        await self._answer("delete")
        self._did("delete", room, "")
        self.end(room)

    async def aclose(self) -> None:
        self.is_closed = True
        for timer in self._timers:
            timer.cancel()

    # -- inside

    async def _answer(self, name: str) -> None:
        self.requests[name] += 1
        await asyncio.sleep(self.latency)
        if self.held is not None:
            await self.held.wait()
        trouble = self.trouble or self.failing.get(name)
        if trouble is not None:
            raise LiveKitError(trouble)

    async def _reach(self, name: str, room: str, identity: str) -> FakeParticipant | None:
        try:
            await self._answer(name)
        except LiveKitError:
            return None
        there = self.made.get(room)
        one = None if there is None else there.people.get(identity)
        if one is None:
            await asyncio.sleep(NOT_THERE)
        return one

    def _did(self, name: str, room: str, about: str) -> None:
        self.acts.append((asyncio.get_running_loop().time(), name, room, about))

    def _later(self, seconds: float, what: Callable[[], object]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, what))

    def _take(self, room: FakeRoom, dispatch_id: str) -> None:
        """A worker's agent comes, unless it is not wanted any more."""
        metadata = room.dispatches.get(dispatch_id)
        if metadata is None or self.made.get(room.name) is not room:
            return
        asked: Mapping[str, str] = json.loads(metadata)
        agent = self.agent(room.name, f"new{next(self._numbers)}", agent_id=asked["agent_id"])
        self.on_agent(room.name, agent)
