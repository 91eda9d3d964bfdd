"""A keeper in virtual time: on LiveKit and beats in memory, with a lock that does as it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rooms.errors import LockError
from rooms.history import Event
from rooms.keeper import Keeper
from rooms.keeping import Keeping
from rooms.leading import Leadership
from rooms.picture import Closure, Health, SessionSeen
from rooms.views import RoomEventView
from tests.rooms.fake_livekit import FakeLiveKit, FakeParticipant
from tests.rooms.pictures import a_session

ROOM = "agent-1-room"
START = datetime(2026, 1, 1, tzinfo=UTC)


def now() -> float:
    """On the test's virtual clock."""
    return asyncio.get_running_loop().time()


class FakeLock:
    """`rooms.leading.Lock`. Nobody else wants it, until a test says so."""

    def __init__(self) -> None:
        self.is_free = True
        self.held = False
        self.error: Exception | None = None
        self.answers = threading.Event()
        """Cleared = the database hangs."""

        self.answers.set()
        self.n_asked = 0
        self.n_released = 0
        self.on_ask: Callable[[], object] = lambda: None
        """Called, in a thread, when somebody asks whether it is held."""

    def try_acquire(self) -> bool:
        self._wait()
        self.held = self.is_free
        return self.held

    def is_held(self) -> bool:
        self.n_asked += 1
        self.on_ask()
        self._wait()
        self.held = self.held and self.is_free
        return self.held

    def release(self) -> None:
        self.n_released += 1
        self.held = False

    def _wait(self) -> None:
        self.answers.wait(5)
        if self.error is not None:
            raise self.error


LOCK_TROUBLE = LockError("the database is away")


class FakeBeats:
    """`rooms.beats.Beats`: what tests say that agents say."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, SessionSeen]] = {}
        self.joining: dict[str, float] = {}
        self.came_at = -float("inf")
        """Of a worker that serves every agent."""

    def say(self, room: str, incarnation: str, health: Health = Health.ALIVE, **fields: Any) -> None:
        """An agent beats, or ceases to: from now on its health is so."""
        told = self.sessions.setdefault(room, {})
        old = told.get(incarnation)
        since = old.since if old is not None and old.health is health else now()
        told[incarnation] = replace(a_session(incarnation, health), **({"since": since} | fields))

    def sessions_in(self, room: str) -> Sequence[SessionSeen]:
        return tuple(self.sessions.get(room, {}).values())

    def worker_came_at(self, agent_id: str | None) -> float:
        return self.came_at

    def knows_workers(self, agent_id: str | None) -> bool:
        return True

    def joining_since(self, room: str) -> float | None:
        return self.joining.get(room)


class MemoryRecords:
    """`rooms.keeper.Records`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed: dict[str, Closure] = {}

    def add(self, event: Event) -> None:
        self.events.append(event)

    def recent(self, room: str) -> Sequence[RoomEventView]:
        return ()

    async def close(self, sid: str, room: str, closure: Closure) -> None:
        self.closed[sid] = closure

    def kinds(self, *, but: Collection[str] = ("phase",)) -> list[str]:
        return [event.kind for event in self.events if event.kind not in but]


class Stage:
    """Everything that a keeper needs, and what a test may do to it."""

    def __init__(self, livekit: FakeLiveKit, *, lock: FakeLock | None = None, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        self.livekit = livekit
        self.beats = FakeBeats()
        self.lock = lock or FakeLock()
        self.records = MemoryRecords()
        self.shown: list[str] = []
        self.leadership = Leadership(self.lock)
        self.keeping = Keeping(
            livekit,
            beats=self.beats,
            leadership=self.leadership,
            record=self.records.add,
            clock=loop.time,
            changed=self.shown.append,
            **options,
        )
        self.leadership.changed = self.keeping.wake_all
        self.keeper = Keeper(
            self.keeping,
            records=self.records,
            clock=loop.time,
            date_of=lambda moment: START + timedelta(seconds=moment),
            livekit_url="ws://livekit.example",
        )
        livekit.on_agent = self._agent_came

    def _agent_came(self, room: str, agent: FakeParticipant) -> None:
        """A worker's agent is in its room: it beats, and LiveKit's webhook tells."""
        self.beats.say(room, agent.identity.removeprefix("ai-1-"))
        self.keeping.wake(room)

    def agent(self, incarnation: str = "a", room: str = ROOM, **fields: Any) -> FakeParticipant:
        """An agent of ours that is in the room, and beats."""
        one = self.livekit.agent(room, incarnation, **fields)
        self.beats.say(room, incarnation)
        return one

    async def in_a_call(self) -> None:
        """A human and an agent are in the room, and the keeper knows."""
        self.livekit.join(ROOM, "ann")
        self.agent()
        self.keeping.wake(ROOM)
        await asyncio.sleep(1)
        assert self.livekit.done() == []

    def falls(self, health: Health, incarnation: str = "a", room: str = ROOM, **fields: Any) -> None:
        """The registry learns something of a session, and wakes the keeper."""
        self.beats.say(room, incarnation, health, **fields)
        self.keeping.wake(room)

    def phases(self) -> list[str]:
        return [event.text for event in self.records.events if event.kind == "phase"]


@asynccontextmanager
async def stage(
    livekit: FakeLiveKit | None = None, *, leads: bool = True, **options: Any
) -> AsyncIterator[Stage]:
    """A keeper that runs, leads, and has seen LiveKit for longer than its grace after a return."""
    livekit = livekit or FakeLiveKit()
    made = Stage(livekit, **options)
    made.lock.is_free = leads
    leading = asyncio.create_task(made.leadership.run(), name="leading")
    while leads and not made.leadership.is_leading:  # noqa: ASYNC110  # a thread is asked
        await asyncio.sleep(0.01)
    if leads:  # each look at the lock takes a thread, and real time
        leading.cancel()
    running = asyncio.create_task(made.keeping.run(), name="keeping")
    await asyncio.sleep(3.0)
    try:
        yield made
    finally:
        for task in (running, leading):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await livekit.aclose()
