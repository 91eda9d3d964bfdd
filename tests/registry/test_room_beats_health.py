"""What beats and silence say of a session's health, in the room keeper's words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from registry.records import AgentRow, Forced, Status
from registry.status import TIMED_OUT
from rooms.picture import Health
from tests.registry.agent_rows import agent_row
from tests.registry.beats import a_beat
from tests.registry.room_fleet import ROOM, START, Line, Play, play
from wire import CallFacts, Kind, Said

pytestmark = pytest.mark.looptime


def _breaks(p: Play) -> None:
    line = Line()
    p.session(line=line)
    p.fleet.line_closed("1", line, "connection reset")


def _times_out(p: Play) -> None:
    line = Line()
    p.session(line=line)
    p.fleet.line_closed("1", line, TIMED_OUT)


def _is_gone(p: Play) -> None:
    p.fleet.tell_gone(p.fleet.get("1"), cause="its process 7 is gone", by="registry")


@pytest.mark.parametrize(
    ("happens", "health", "is_guess"),
    [
        pytest.param(lambda p: None, Health.ALIVE, False, id="beats"),
        pytest.param(
            lambda p: p.session(status=Said.ERROR), Health.ALIVE, False, id="says that it has an error"
        ),
        pytest.param(lambda p: p.session(loop_lag=2.9), Health.ALIVE, False, id="its loop is late"),
        pytest.param(lambda p: p.session(loop_lag=3.0), Health.STALLED, False, id="its loop is blocked"),
        pytest.param(
            lambda p: p.session(loop_lag=60.0), Health.STALLED, False, id="its loop is blocked for long"
        ),
        pytest.param(_breaks, Health.SUSPECT, False, id="its line broke"),
        pytest.param(_times_out, Health.SUSPECT, True, id="its line is silent"),
        pytest.param(_is_gone, Health.GONE, False, id="its process is gone"),
        pytest.param(
            lambda p: p.session(status=Said.STOPPED, reason="humans_left"),
            Health.STOPPED,
            False,
            id="goodbye",
        ),
    ],
)
async def test_how_a_session_is(happens: Callable[[Play], object], health: Health, is_guess: bool) -> None:
    async with play() as p:
        p.session()
        await asyncio.sleep(1)
        happens(p)
        seen = p.seen()
        assert (seen.health, seen.is_guess) == (health, is_guess)
        assert (seen.row_id, seen.host) == ("1", "here")
        if health is not Health.ALIVE:
            assert seen.since == p.now
            assert seen.cause
        assert p.rooms[-1] == ROOM


async def test_a_session_without_a_line_is_suspect_when_it_falls_silent() -> None:
    async with play() as p:
        p.session()
        await asyncio.sleep(24.9)
        assert p.health() is Health.ALIVE
        await asyncio.sleep(0.2)
        assert (p.health(), p.seen().is_guess) == (Health.SUSPECT, True)
        assert p.lost == ["one"]
        p.session()
        assert p.health() is Health.ALIVE


async def test_a_session_whose_line_broke_is_doubted_at_once_and_lost_a_moment_later() -> None:
    async with play() as p:
        _breaks(p)
        assert (p.doubted, p.lost) == (["one"], [])
        await asyncio.sleep(1.6)
        assert (p.doubted, p.lost) == (["one"], ["one"])
        assert p.health() is Health.SUSPECT


async def test_a_session_that_comes_back_and_is_lost_again_is_told_again() -> None:
    async with play() as p:
        for n in (1, 2):
            _breaks(p)
            await asyncio.sleep(1.6)
            assert (len(p.doubted), len(p.lost)) == (n, n)
            p.session()
            await asyncio.sleep(10)
            p.session()


async def test_a_gone_session_is_lost_once() -> None:
    async with play() as p:
        p.session()
        _is_gone(p)
        _is_gone(p)
        assert p.lost == ["one"]


async def test_a_polite_end_is_no_loss() -> None:
    async with play() as p:
        p.session()
        p.session(status=Said.STOPPED, reason="humans_left")
        await asyncio.sleep(700)
        assert (p.lost, p.doubted) == ([], [])
        assert p.seen().closing == "humans_left"


async def test_many_silent_sessions_may_be_the_registrys_own_fault() -> None:
    """Complaint 34."""
    async with play() as p:
        for number in range(8):
            p.session(row=str(number), room=f"agent-{number}-room")
        await asyncio.sleep(26)
        assert p.fleet.cut_off_at is not None
        healths = {
            (p.seen(room=f"agent-{n}-room").health, p.seen(room=f"agent-{n}-room").is_guess) for n in range(8)
        }
        assert healths <= {(Health.UNKNOWN, True), (Health.SUSPECT, True)}, "nothing here is certain"


@pytest.mark.parametrize(
    "status", [Status.RUNNING, Status.OFFLINE, Status.STOPPED], ids=lambda one: one.value
)
async def test_what_an_operator_forces_is_no_news_of_the_process(status: Status) -> None:
    async with play() as p:
        agent = p.session()
        forced = Forced(status=status, health=None, reason="tests", by="ann", at=START)
        p.fleet.force(agent, forced, by="ann", reason="tests")
        p.session(phase="grace_period")
        assert (p.health(), p.lost) == (Health.ALIVE, [])
        _is_gone(p)
        assert (p.health(), p.lost) == (Health.GONE, ["one"])


def _row(status: Status, said: Said = Said.RUNNING) -> AgentRow:
    beat = a_beat("1", kind=Kind.SESSION, status=said, call=CallFacts(room=ROOM, phase="active"))
    cause = "no beat for 25 s" if status is Status.OFFLINE else None
    return agent_row(beat, at=START, status=status, cause=cause)


@pytest.mark.parametrize(
    ("row", "health"),
    [
        pytest.param(_row(Status.RUNNING), Health.UNKNOWN, id="running"),
        pytest.param(_row(Status.OFFLINE), Health.UNKNOWN, id="offline: it may only be cut off"),
        pytest.param(_row(Status.STOPPED, Said.STOPPED), Health.STOPPED, id="stopped"),
    ],
)
async def test_after_a_restart_nobody_knows(row: AgentRow, health: Health) -> None:
    """Complaint 17: an agent that is cut off from the registry must survive its restart."""
    async with play([row]) as p:
        assert p.health() is health
        assert p.seen().is_guess is (health is Health.UNKNOWN)
        assert p.lost == []
