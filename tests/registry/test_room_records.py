"""What happens to rooms is written down behind, in order, and nothing is lost while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from registry.clock import Clock
from registry.room_records import RoomRecords
from registry.session_records import ClosureRow, RoomEvent
from registry.store import Store, StoreError
from rooms.history import Event
from rooms.picture import Closure

pytestmark = pytest.mark.looptime

START = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = "agent-1-room"


class FakeStore:
    def __init__(self) -> None:
        self.error: Exception | None = None
        self.events: list[RoomEvent] = []
        self.closures: list[ClosureRow] = []
        self.n_calls = 0

    def add_events(self, events: Sequence[RoomEvent]) -> None:
        self.n_calls += 1
        if self.error is not None:
            raise self.error
        self.events += events

    def add_closure(self, row: ClosureRow) -> None:
        if self.error is not None:
            raise self.error
        self.closures.append(row)


def a_clock() -> Clock:
    loop = asyncio.get_running_loop()
    return Clock(monotonic=loop.time, utc=lambda: START + timedelta(seconds=loop.time()))


def an_event(text: str, *, room: str = ROOM) -> Event:
    return Event(at=asyncio.get_running_loop().time(), room=room, sid="RM_1", kind="dispatch", text=text)


@asynccontextmanager
async def running(store: FakeStore) -> AsyncIterator[RoomRecords]:
    records = RoomRecords(store, clock=a_clock())
    writing = asyncio.create_task(records.run())
    try:
        yield records
    finally:
        assert not writing.done(), "it runs for ever"
        writing.cancel()
        await asyncio.wait({writing})


async def test_events_are_written_soon_and_in_order() -> None:
    store = FakeStore()
    async with running(store) as records:
        for number in range(100):
            records.add(an_event(str(number)))
        await asyncio.sleep(0.1)
        assert [row.text for row in store.events] == [str(number) for number in range(100)]
        assert store.n_calls == 1
        assert store.events[0].at == START


@pytest.mark.parametrize(
    "error",
    [StoreError("the database is away"), RuntimeError("nobody thought of this")],
    ids=["the database is away", "an error that nobody thought of"],
)
async def test_nothing_is_lost_while_the_database_is_away(error: Exception) -> None:
    store = FakeStore()
    async with running(store) as records:
        records.add(an_event("0"))
        await asyncio.sleep(1)
        store.error = error
        for number in range(1, 20):
            records.add(an_event(str(number)))
            await asyncio.sleep(1)
        await records.close("RM_1", ROOM, Closure(by="ann", reason="tests", at=5.0))
        assert store.n_calls < 15, "it is not asked again and again"
        store.error = None
        await asyncio.sleep(5)
        assert [row.text for row in store.events] == [str(number) for number in range(20)]
        assert [(row.room_sid, row.by, row.at) for row in store.closures] == [
            ("RM_1", "ann", START + timedelta(seconds=5))
        ]
        assert len(records.recent(ROOM)) == 20


async def test_a_closure_is_durable_when_it_was_given() -> None:
    store = FakeStore()
    records = RoomRecords(store, clock=a_clock())
    await records.close("RM_1", ROOM, Closure(by="ann", reason="tests", at=5.0))
    assert [row.room_sid for row in store.closures] == ["RM_1"], "though nobody writes behind"
    await records.flush()
    assert len(store.closures) == 1


async def test_when_too_many_wait_the_oldest_are_lost_and_none_twice() -> None:
    asyncio.get_running_loop().set_debug(False)
    store = FakeStore()
    store.error = StoreError("away")
    async with running(store) as records:
        for number in range(10_050):
            records.add(an_event(str(number)))
        await asyncio.sleep(1)
        store.error = None
        await asyncio.sleep(5)
        assert [row.text for row in store.events] == [str(number) for number in range(50, 10_050)]


async def test_what_comes_during_a_write_is_written_by_the_next() -> None:
    store = FakeStore()
    records = RoomRecords(store, clock=a_clock())
    records.add(an_event("0"))
    writing = asyncio.create_task(records.flush())
    await asyncio.sleep(0)
    records.add(an_event("1"))
    await writing
    await records.flush()
    await records.flush()
    assert [row.text for row in store.events] == ["0", "1"]


async def test_the_latest_of_a_room_is_remembered_newest_first() -> None:
    records = RoomRecords(FakeStore(), clock=a_clock())
    for number in range(40):
        records.add(an_event(str(number)))
    records.add(an_event("another", room="agent-2-room"))
    assert [view.text for view in records.recent(ROOM)] == [str(number) for number in range(39, 9, -1)]
    assert records.recent("agent-nowhere-room") == ()


async def test_memory_is_bounded_by_rooms() -> None:
    records = RoomRecords(FakeStore(), clock=a_clock())
    for number in range(5_001):
        records.add(an_event("x", room=f"agent-{number}-room"))
    assert records.recent("agent-0-room") == ()
    assert len(records.recent("agent-5000-room")) == 1


async def test_the_real_store_takes_it(store: Store) -> None:
    store.migrate()
    records = RoomRecords(store.rooms, clock=a_clock())
    event = an_event("dispatched")
    records.add(event)
    await records.close("RM_1", ROOM, Closure(by="ann", reason="tests", at=0.0))
    await records.flush()
    assert [row.text for row in store.rooms.events(ROOM, limit=10)] == ["dispatched"]
    assert [row.room_sid for row in store.rooms.closures()] == ["RM_1"]
