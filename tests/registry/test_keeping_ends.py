"""Sessions that end without a word: who sees it, and when. On a real fleet, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from registry.records import AgentRow, Status
from registry.store import StoreError
from tests.registry.agent_rows import agent_row
from tests.registry.beats import a_beat
from tests.registry.keeping_stage import FakeStore, a_row, keeping
from tests.registry.room_fleet import ROOM, START
from wire import CallFacts, Kind, Said

pytestmark = pytest.mark.looptime


async def test_old_sessions_of_which_nobody_hears_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    store, lost = FakeStore(), []  # type: tuple[FakeStore, list[str]]
    store.rows = {"1": "elsewhere"}
    sessions = [a_row("elsewhere", row_id="1"), a_row("silent", row_id="2")]
    async with keeping(monkeypatch, store=store, sessions=sessions, lost=lost) as s:
        await asyncio.sleep(s.p.fleet.limits.restart_grace - 3)
        assert lost == []
        await asyncio.sleep(2)
        assert lost == ["silent"]
        await asyncio.sleep(60)
        assert lost == ["silent"]


async def test_old_sessions_are_looked_for_again_when_the_database_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, lost = FakeStore(), []  # type: tuple[FakeStore, list[str]]
    async with keeping(monkeypatch, store=store, sessions=[a_row("silent")], lost=lost) as s:
        store.error = StoreError("away")
        await asyncio.sleep(s.p.fleet.limits.restart_grace + 30)
        assert lost == []
        store.error = None
        await asyncio.sleep(10)
        assert lost == ["silent"]


def row_of(incarnation: str, status: Status = Status.RUNNING) -> AgentRow:
    """What the database knows of row "1" when the registry starts."""
    beat = a_beat("1", incarnation=incarnation, kind=Kind.SESSION, call=CallFacts(room=ROOM, phase="active"))
    return agent_row(beat, at=START, status=status)


async def test_an_old_session_whose_row_another_process_uses_now_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, lost = FakeStore(), []  # type: tuple[FakeStore, list[str]]
    store.rows = {"1": "old"}  # what the next one says is not written yet
    sessions = [a_row("old", row_id="1"), a_row("new", row_id="1")]
    async with keeping(monkeypatch, store=store, sessions=sessions, rows=[row_of("old")], lost=lost) as s:
        for _ in range(8):
            s.p.session("new")
            await asyncio.sleep(10)
        assert lost == ["old"]


async def test_an_old_session_that_goes_on_under_another_name_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, lost = FakeStore(), []  # type: tuple[FakeStore, list[str]]
    sessions = [a_row("old", row_id="1"), a_row("new", row_id="1")]
    async with keeping(monkeypatch, store=store, sessions=sessions, rows=[row_of("old")], lost=lost) as s:
        for _ in range(8):
            s.p.session("new")
            s.p.session("old", row="1~0ld0")
            await asyncio.sleep(10)
        assert lost == []


async def test_an_old_session_is_lost_when_it_is_written_down_that_its_row_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, lost = FakeStore(), []  # type: tuple[FakeStore, list[str]]
    store.rows = {"1": "old"}  # that it is offline is not written yet
    async with keeping(
        monkeypatch, store=store, sessions=[a_row("old", row_id="1")], rows=[row_of("old")], lost=lost
    ) as s:
        await asyncio.sleep(s.p.fleet.limits.restart_grace + 5)
        assert (s.p.fleet.get("1").verdict.status, lost) == (Status.OFFLINE, [])
        store.rows.clear()
        await asyncio.sleep(10)
        assert lost == ["old"]


async def test_a_goodbye_ends_a_session_by_its_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, ended = [], []  # type: tuple[list[str], list[tuple[str, str]]]
    async with keeping(monkeypatch, lost=lost, ended=ended) as s:
        s.p.session()
        s.p.session(status=Said.STOPPED, reason="humans_left")
        await asyncio.sleep(1)
        assert (lost, ended) == ([], [("one", "humans_left")])


async def test_a_session_that_is_followed_before_its_silence_counts_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Worker and job are killed together; a warm agent of another host is in the room before 1.5 s are over."""
    lost: list[str] = []
    async with keeping(monkeypatch, lost=lost) as s:
        s.livekit.join(ROOM, "ann")
        line = s.agent(answers=False)
        await asyncio.sleep(6)
        s.p.fleet.line_closed("1", line, "connection reset")
        await asyncio.sleep(1.4)
        assert [one.incarnation for one in s.p.beats.sessions_in(ROOM)][-1] != "one", "its successor beats"
        await asyncio.sleep(10)
        assert lost == ["one"]
