"""Sessions in the database: reports, losses, what is not kept, and a database that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.metrics import METRICS
from registry.session_records import SessionRow, TurnRow
from registry.sessions import PRUNE_INTERVAL, RETRY_INTERVAL, Sessions
from registry.store import Store, StoreError, sqlite_url
from rooms.tally import Counts
from tests.registry.room_parts import NOW, FakeClock
from wire import Ended, Event, SessionReport, Turn


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(sqlite_url(tmp_path / "registry.db"))
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def over(store: Any, clock: FakeClock, *, journal_days: int = 30) -> Sessions:
    return Sessions(store, clock=clock.clock, history_days=30, journal_days=journal_days)


def a_report(
    *texts: str, first: int = 0, ended: str | None = None, exit_code: int | None = 0
) -> SessionReport:
    return SessionReport(
        agent_id="7",
        row_id="7",
        room="agent-7-room",
        turns=tuple(Turn(number=number, role="user", text=text) for number, text in enumerate(texts, first)),
        ended=None if ended is None else Ended(reason=ended, exit_code=exit_code),
    )


class Stubborn:
    """A store's part that fails as often as it is told to, and can be held up."""

    def __init__(self, store: Store) -> None:
        self._inner = store.sessions
        self.n_failures = 0
        self.calls: list[str] = []
        self.hold = threading.Event()
        self.hold.set()

    def report(self, row: SessionRow, turns: Sequence[TurnRow]) -> int:
        self.calls.append("report")
        assert self.hold.wait(4)
        self._fail()
        return self._inner.report(row, turns)

    def close_lost(self, ids: Sequence[str], *, at: datetime) -> Sequence[str]:
        self.calls.append("close_lost")
        self._fail()
        return self._inner.close_lost(ids, at=at)

    def prune(self, before: datetime, *, turns_before: datetime) -> int:
        self.calls.append("prune")
        self._fail()
        return self._inner.prune(before, turns_before=turns_before)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _fail(self) -> None:
        if self.n_failures:
            self.n_failures -= 1
            raise StoreError("the disk is full")


async def run_until(sessions: Sessions, is_over: Callable[[], Awaitable[bool]]) -> None:
    running = asyncio.create_task(sessions.run())
    async with asyncio.timeout(3):
        while not await is_over():  # noqa: ASYNC110  # it has no event for it
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def is_in_a_file(text: bytes, folder: Path) -> bool:
    return any(text in file.read_bytes() for file in folder.iterdir())


async def said(sessions: Sessions, session_id: str = "one") -> list[str]:
    return [turn.text for turn in (await sessions.conversation(session_id, limit=50)).turns if turn.is_kept]


async def test_a_loss_is_told_once_and_of_open_sessions_only(store: Store, clock: FakeClock) -> None:
    sessions = over(store.sessions, clock)
    await sessions.report("one", a_report("hello"))
    await sessions.report("two", a_report(ended="humans_left"))
    clock.move(minutes=1)
    assert await sessions.lost(["one", "two", "a worker's", "one"]) == ["one"]
    assert await sessions.lost(["one", "two"]) == []
    assert await sessions.lost([]) == []
    one, two = await sessions.get("one"), await sessions.get("two")
    assert (one.close_reason, one.exit_code, one.ended_at) == ("lost", None, NOW + timedelta(minutes=1))
    assert (two.close_reason, two.ended_at) == ("humans_left", NOW)


async def test_a_lost_one_that_says_how_it_ended_is_believed(store: Store, clock: FakeClock) -> None:
    sessions = over(store.sessions, clock)
    await sessions.report("one", a_report())
    await sessions.lost(["one"])
    await sessions.report("one", a_report(ended="humans_left"))
    await sessions.lost(["one"])
    assert (await sessions.get("one")).close_reason == "humans_left"


async def test_a_report_on_its_way_does_not_open_a_session_that_is_lost_meanwhile(
    store: Store, clock: FakeClock
) -> None:
    stubborn = Stubborn(store)
    sessions = over(stubborn, clock)
    stubborn.hold.clear()
    report = asyncio.create_task(sessions.report("one", a_report("hello")))
    while not stubborn.calls:  # noqa: ASYNC110  # it is in a thread by then
        await asyncio.sleep(0.005)
    lost = asyncio.create_task(sessions.lost(["one", "two", "three"]))
    await asyncio.sleep(0.02)
    assert stubborn.calls == ["report"]
    stubborn.hold.set()
    assert ((await report).n_turns, await lost) == (1, ["one"])
    assert not (await sessions.get("one")).is_open


async def test_without_a_journal_nothing_that_is_said_is_kept(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    sessions = over(store.sessions, clock, journal_days=0)
    assert (await sessions.report("one", a_report("hello", "hi"))).n_turns == 2, (
        "it is not to send them again"
    )
    assert await said(sessions) == []
    assert [(turn.role, turn.text, turn.is_kept) for turn in (await sessions.record("one")).turns] == [
        ("user", "", False),
        ("user", "", False),
    ]
    row = await sessions.get("one")
    assert (row.room, row.is_transcribed) == ("agent-7-room", False)
    assert not await asyncio.to_thread(is_in_a_file, b"hello", tmp_path)


async def test_switching_the_journal_off_deletes_what_was_said(store: Store, clock: FakeClock) -> None:
    await over(store.sessions, clock).report("one", a_report("hello"))
    clock.move(seconds=1)
    sessions = over(store.sessions, clock, journal_days=0)
    await sessions.prune()
    assert await said(sessions) == []


async def test_old_sessions_go_and_what_was_said_in_them(store: Store, clock: FakeClock) -> None:
    sessions = Sessions(store.sessions, clock=clock.clock, history_days=30, journal_days=7)
    await sessions.report("one", a_report("hello"))
    clock.move(days=6)
    await sessions.prune()
    assert await said(sessions) == ["hello"]
    clock.move(days=2)
    await sessions.prune()
    assert await said(sessions) == []
    clock.move(days=23)
    await sessions.prune()
    assert await sessions.find(limit=9) == []


async def test_ends_are_counted_once_each(store: Store, clock: FakeClock) -> None:
    def counted(exit_code: str) -> float:
        return METRICS.get_sample_value("roomkeeper_sessions_ended_total", {"exit_code": exit_code}) or 0.0

    before = {exit_code: counted(exit_code) for exit_code in ("0", "1", "lost", "unknown")}
    sessions = over(store.sessions, clock)
    for _ in range(2):
        await sessions.report("one", a_report(ended="humans_left"))
        await sessions.report("two", a_report(ended="failed", exit_code=1))
        await sessions.report("three", a_report(ended="operator", exit_code=None))
        await sessions.report("four", a_report())
        await sessions.lost(["one", "four"])
    after = {exit_code: counted(exit_code) - before[exit_code] for exit_code in before}
    assert after == {"0": 1, "1": 1, "unknown": 1, "lost": 2}, "four came back, and was lost again"


async def test_statistics_are_of_the_last_24_hours(store: Store, clock: FakeClock) -> None:
    sessions = over(store.sessions, clock)
    await sessions.report("old", a_report(ended="failed", exit_code=1))
    clock.move(hours=25)
    await sessions.report("one", a_report(ended="humans_left"))
    await sessions.report("two", a_report())
    stats = await sessions.stats(Counts(since=0.0))
    assert (stats.since, stats.sessions, stats.exit_codes, stats.crash_rate) == (NOW, 2, {"0": 1}, 0.0)


async def test_what_happened_is_kept_and_acknowledged(store: Store, clock: FakeClock) -> None:
    sessions = over(store.sessions, clock)
    told: list[str] = []
    sessions.on_change = told.append
    assert await sessions.report("one", a_report("hello")) == (1, None)
    events = tuple(Event(number=number, kind="note", text=f"e{number}", age=number) for number in range(3))
    report = msgspec.structs.replace(a_report(), events=events, more_events=4, first_audio=0.6)
    for _ in range(2):
        assert await sessions.report("one", report) == (1, 3)
    record = await sessions.record("one")
    assert [(event.text, event.at) for event in record.events] == [
        (f"e{number}", NOW - timedelta(seconds=number)) for number in range(3)
    ]
    assert (record.row.more_events, record.row.first_audio) == (4, 0.6)
    await sessions.lost(["one"])
    assert told == ["one"] * 4


# -- a database that fails


async def test_a_report_that_is_not_durable_is_not_acknowledged(store: Store, clock: FakeClock) -> None:
    stubborn = Stubborn(store)
    sessions = over(stubborn, clock)
    stubborn.n_failures = 1
    with pytest.raises(StoreError):
        await sessions.report("one", a_report("hello"))
    assert (await sessions.report("one", a_report("hello"))).n_turns == 1


async def test_a_loss_that_could_not_be_written_is_written_later(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.sessions.RETRY_INTERVAL", 0.02)
    assert RETRY_INTERVAL <= 10
    stubborn = Stubborn(store)
    sessions = over(stubborn, clock)
    await sessions.report("one", a_report())
    stubborn.n_failures = 3
    assert await sessions.lost(["one"]) == []

    async def is_written() -> bool:
        return not (await sessions.get("one")).is_open

    await run_until(sessions, is_written)


async def test_a_session_that_reports_while_its_loss_waits_stays_open(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.sessions.RETRY_INTERVAL", 0.01)
    stubborn = Stubborn(store)
    sessions = over(stubborn, clock)
    await sessions.report("one", a_report())
    stubborn.n_failures = 1
    await sessions.lost(["one"])
    await sessions.report("one", a_report("I am here"))

    async def went_round() -> bool:
        return "prune" in stubborn.calls

    await run_until(sessions, went_round)
    assert (await sessions.get("one")).is_open


async def test_one_failure_does_not_end_the_pruning(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("registry.sessions.RETRY_INTERVAL", 0.01)
    monkeypatch.setattr("registry.sessions.PRUNE_INTERVAL", 0.01)
    assert PRUNE_INTERVAL == 3_600
    stubborn = Stubborn(store)
    stubborn.n_failures = 2

    async def went_on() -> bool:
        return stubborn.calls.count("prune") >= 4

    await run_until(over(stubborn, clock), went_on)
    assert "old sessions are not deleted" in caplog.text
