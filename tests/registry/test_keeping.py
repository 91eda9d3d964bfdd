"""Room keeping as a part of a registry: on a real fleet, with LiveKit and the database in memory."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from registry.keeping import NO_KEYS, SWITCHED_OFF, RoomKeeping
from registry.session_records import ClosureRow
from registry.store import StoreError
from rooms.errors import NotKeepingError
from tests.registry.keeping_stage import LOGIN, FakeLock, FakeStore, a_row, keeping
from tests.registry.room_fleet import ROOM, START, Line
from tests.rooms.fake_livekit import FakeLiveKit
from wire import Outcome, Said

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(
    ("how", "trouble"),
    [
        pytest.param(RoomKeeping(), NO_KEYS, id="no keys"),
        pytest.param(RoomKeeping(login=LOGIN, is_on=False), SWITCHED_OFF, id="switched off"),
    ],
)
async def test_where_no_rooms_are_kept_livekit_is_not_asked(
    how: RoomKeeping, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keeping(monkeypatch, how=how) as s:
        s.p.session()
        assert s.keeper.state().trouble == trouble
        with pytest.raises(NotKeepingError):
            s.keeper.why(ROOM)
        await asyncio.sleep(60)
        assert not s.livekit.requests


async def test_an_agent_whose_process_ends_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Complaint 16: line breaks, the worker says gone, removed, dispatched, resumed, and told as lost."""
    lost: list[str] = []
    async with keeping(monkeypatch, lost=lost) as s:
        workers_line = Line()
        workers_line.answer = Outcome(id="", ok=True, detail="process_gone")
        s.p.worker(line=workers_line)
        s.livekit.join(ROOM, "ann")
        line = s.agent(answers=False)
        await asyncio.sleep(6)
        killed_at = s.p.now
        s.p.fleet.line_closed("1", line, "connection reset")
        await asyncio.sleep(0.5)
        assert [name for name, _ in s.livekit.done()] == ["remove", "dispatch"]
        assert json.loads(s.livekit.done("dispatch")[0][1]) == {"agent_id": "1", "resumes": "one"}
        assert s.livekit.when("dispatch")[0] <= killed_at + 0.1
        assert lost == ["one"]
        assert len(s.livekit.made[ROOM].agents) == 1
        assert s.keeper.stats().recoveries == 1
        await asyncio.sleep(20)
        assert len(s.livekit.done()) == 2


async def test_an_agent_whose_line_alone_breaks_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Complaint 17."""
    async with keeping(monkeypatch) as s:
        s.livekit.join(ROOM, "ann")
        line = s.agent()
        await asyncio.sleep(6)
        s.p.fleet.line_closed("1", line, "connection reset")
        await asyncio.sleep(120)
        assert s.livekit.done() == []


async def test_a_worker_that_comes_late_wakes_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Complaint 13."""
    livekit = FakeLiveKit()
    async with keeping(monkeypatch, livekit=livekit) as s:
        livekit.join(ROOM, "ann")
        await asyncio.sleep(23)
        before = len(livekit.when("dispatch"))
        livekit.worker_takes = 0.3
        s.p.worker()
        await asyncio.sleep(0.2)
        assert len(livekit.when("dispatch")) == before + 1


async def test_grace_periods_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with keeping(monkeypatch) as s:
        s.p.session(phase="active")
        s.p.session(phase="grace_period", call={"grace_left": 60.0})
        await asyncio.sleep(10)
        s.p.session(phase="active")
        s.p.session(phase="grace_period", call={"grace_left": 60.0})
        await asyncio.sleep(20)
        s.p.session(phase="closing", call={"closing": "humans_left"})
        s.p.session(phase="closing", status=Said.STOPPED, reason="humans_left")
        counts = s.keeper.stats()
        assert (counts.grace_started, counts.grace_cancelled, counts.grace_expired) == (2, 1, 1)
        assert list(counts.grace_lengths) == pytest.approx([10, 20], abs=0.01)


async def test_a_closure_outlives_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    livekit, store = FakeLiveKit(worker_takes=0.3), FakeStore()
    livekit.join(ROOM, "ann")
    async with keeping(monkeypatch, livekit=livekit, store=store) as s:
        s.keeper.wake(None)
        await s.keeper.close(ROOM, by="ann", reason="tests", force=False)
    assert list(store.kept) == [livekit.made[ROOM].sid]
    assert "closed" in [row.kind for row in store.written], "the rest is written at the end"
    before = len(livekit.when("dispatch"))
    async with keeping(monkeypatch, livekit=livekit, store=store) as s:
        await asyncio.sleep(30)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.closed is not None
        assert len(livekit.when("dispatch")) == before


async def test_who_begins_to_lead_knows_what_was_closed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    livekit, store, lock = FakeLiveKit(worker_takes=0.3), FakeStore(), FakeLock()
    lock.error = StoreError("another one has it")
    livekit.join(ROOM, "ann")
    async with keeping(monkeypatch, livekit=livekit, store=store, lock=lock) as s:
        sid = livekit.made[ROOM].sid
        store.kept[sid] = ClosureRow(room_sid=sid, room=ROOM, by="ann", reason="tests", at=START)
        await asyncio.sleep(10)
        lock.error = None
        await asyncio.sleep(30)
        assert s.keeper.state().is_leading
        assert livekit.done() == []
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.closed is not None
        assert view.closed.by == "ann"


async def test_who_begins_to_lead_keeps_rooms_though_closures_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    livekit, store, lock = FakeLiveKit(worker_takes=0.3), FakeStore(), FakeLock()
    lock.error = StoreError("another one has it")
    async with keeping(monkeypatch, livekit=livekit, store=store, lock=lock):
        livekit.join(ROOM, "ann")
        await asyncio.sleep(10)
        store.error, lock.error = StoreError("away"), None
        await asyncio.sleep(10)
        assert len(livekit.made[ROOM].agents) == 1


async def test_sessions_say_which_agent_belongs_into_a_room_of_any_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    livekit = FakeLiveKit(worker_takes=0.3)
    sids = {room: livekit.room(room).sid for room in ("lobby", "hall")}
    sessions = [
        a_row("old", room_sid=sids["lobby"]),
        a_row("odd", room_sid=sids["hall"], agent_id="not an id", room="hall"),
    ]
    async with keeping(monkeypatch, livekit=livekit, sessions=sessions) as s:
        s.livekit.join("lobby", "ann")
        s.livekit.join("hall", "ann")
        await asyncio.sleep(9)
        assert s.livekit.done("dispatch") == [("dispatch", '{"agent_id":"7"}')]


@pytest.mark.parametrize("room_sid", ["RM_ended", ""], ids=["another one", "nobody knows which"])
async def test_a_room_of_another_program_with_the_name_of_one_that_ended_is_left_alone(
    room_sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    livekit = FakeLiveKit(worker_takes=0.3)
    livekit.join("lobby", "ann")
    async with keeping(monkeypatch, livekit=livekit, sessions=[a_row("old", room_sid=room_sid)]) as s:
        await asyncio.sleep(60)
        assert s.livekit.done() == []
        assert s.keeper.rooms() == ()


async def test_a_database_that_is_away_ends_leading_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = FakeLock()
    async with keeping(monkeypatch, lock=lock) as s:
        assert s.keeper.state().is_leading
        lock.held, lock.error = False, StoreError("away")
        await asyncio.sleep(3)
        assert not s.keeper.state().is_leading
        s.livekit.join(ROOM, "ann")
        await asyncio.sleep(15)
        assert s.livekit.done() == []
        lock.error = None
        await asyncio.sleep(3)
        assert s.livekit.done("dispatch") != []


async def test_a_database_that_is_away_at_the_start_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore()
    store.error = StoreError("the database is away")
    with pytest.raises(StoreError, match="away"):
        async with keeping(monkeypatch, store=store):
            pass


async def test_at_the_end_the_lock_is_given_back_and_nothing_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, livekit = FakeLock(), FakeLiveKit()
    before = asyncio.all_tasks()
    async with keeping(monkeypatch, lock=lock, livekit=livekit) as s:
        livekit.join(ROOM, "ann")
        s.agent(answers=False)
        s.p.fleet.line_closed("1", Line(), "not its line")
        await asyncio.sleep(6)
        livekit.held = asyncio.Event()  # LiveKit hangs
        s.keeper.wake(ROOM)
        await asyncio.sleep(1)
    assert (lock.held, livekit.is_closed) == (False, True)
    assert asyncio.all_tasks() == before


async def test_old_history_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore()
    old = ClosureRow(room_sid="RM_old", room="x", by="ann", reason="y", at=START - timedelta(days=31))
    new = ClosureRow(room_sid="RM_new", room="x", by="ann", reason="y", at=START - timedelta(days=29))
    store.kept = {row.room_sid: row for row in (old, new)}
    async with keeping(monkeypatch, store=store):
        await asyncio.sleep(1)
        assert store.pruned == [pytest.approx(START - timedelta(days=30), abs=timedelta(seconds=5))]
        assert list(store.kept) == ["RM_new"]
