"""What beats say of rooms, in the room keeper's words."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from registry.agents import Agent
from registry.records import AgentRow, Forced, Status
from registry.status import TIMED_OUT
from rooms.picture import Health
from tests.registry.beats import a_beat
from tests.registry.room_fleet import ROOM, START, Line, Play, play
from wire import CallFacts, Joining, Kind, Said

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(3)]


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
        assert (seen.row_id, seen.agent_id, seen.host) == ("1", "1", "here")
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
        assert p.beats.is_cut_off
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
    return AgentRow(
        beat=beat,
        status=status,
        health=100,
        reasons=(),
        cause="no beat for 25 s" if status is Status.OFFLINE else None,
        forced=None,
        heard_at=START,
        first_seen_at=START,
        status_since=START,
        error_at=None,
        active_at=None,
        updated_at=START,
    )


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


# -- rows and rooms


async def test_a_successor_takes_the_row_and_the_old_one_is_unknown() -> None:
    async with play() as p:
        p.session("old")
        await asyncio.sleep(5)
        p.session("new")
        assert [(one.incarnation, one.health) for one in p.beats.sessions_in(ROOM)] == [
            ("old", Health.UNKNOWN),
            ("new", Health.ALIVE),
        ]
        assert "taken its row over" in p.seen("old").cause


async def test_a_successor_does_not_bring_the_dead_to_life() -> None:
    async with play() as p:
        p.session("old")
        _is_gone(p)
        p.session("new")
        assert (p.health("old"), p.health("new")) == (Health.GONE, Health.ALIVE)


async def test_an_agent_that_moves_to_another_room_is_not_in_the_first_one_any_more() -> None:
    async with play() as p:
        p.session("one", room="agent-1-room")
        p.session("two", room="agent-2-room")
        assert p.health("one", "agent-1-room") is Health.UNKNOWN
        assert p.health("two", "agent-2-room") is Health.ALIVE


async def test_a_row_that_leaves_the_page_says_nothing_any_more() -> None:
    async with play() as p:
        agent = p.session()
        p.fleet.remove(agent, by="ann", reason="tests", even_alive=True)
        assert p.health() is Health.UNKNOWN
        assert p.rooms[-1] == ROOM


async def test_the_agent_of_a_row_is_what_stands_before_the_room() -> None:
    async with play() as p:
        p.session(row="7@lobby", room="lobby")
        assert (p.seen(room="lobby").agent_id, p.seen(room="lobby").row_id) == ("7", "7@lobby")


async def test_only_the_latest_sessions_of_a_room_are_remembered() -> None:
    async with play() as p:
        for number in range(20):
            p.session(f"i{number}")
        told = [one.incarnation for one in p.beats.sessions_in(ROOM)]
        assert told == [f"i{number}" for number in range(12, 20)]


async def test_programs_and_beats_with_nothing_new_are_not_told() -> None:
    async with play() as p:
        p.fleet.take(a_beat("p", call=CallFacts(room=ROOM, phase="active")), source="here")
        assert p.rooms == []
        p.session()
        p.rooms.clear()
        for _ in range(5):
            await asyncio.sleep(5)
            p.session(cpu=3.0)
        assert p.rooms == []


# -- phases and grace periods


async def test_how_long_phases_last() -> None:
    async with play() as p:
        p.session(phase="starting", call={"since": 2.0})
        await asyncio.sleep(3)
        p.session(phase="active")
        await asyncio.sleep(10)
        p.session(phase="grace_period", call={"grace_left": 60.0})
        await asyncio.sleep(60)
        p.session(phase="closing", call={"closing": "humans_left"})
        assert [(old, new, round(length, 3)) for old, new, length in p.phases] == [
            ("starting", "active", 5.0),
            ("active", "grace_period", 10.0),
            ("grace_period", "closing", 60.0),
        ]


async def test_the_end_of_a_grace_period_does_not_waver() -> None:
    async with play() as p:
        p.session(phase="grace_period", call={"grace_left": 60.0})
        ends_at = p.seen().grace_ends_at
        assert ends_at == p.now + 60
        await asyncio.sleep(10)
        p.session(phase="grace_period", call={"grace_left": 50.4})
        await asyncio.sleep(10)
        p.session(phase="grace_period", call={"grace_left": 39.2})
        assert p.seen().grace_ends_at == ends_at


async def test_another_grace_period_has_another_end_though_no_beat_came_between() -> None:
    async with play() as p:
        p.session(phase="grace_period", call={"grace_left": 60.0})
        await asyncio.sleep(20)
        p.session(phase="grace_period", call={"grace_left": 60.0}, reason="a human was there for a moment")
        assert p.seen().grace_ends_at == p.now + 60


async def test_out_of_the_grace_period_it_has_no_end() -> None:
    async with play() as p:
        p.session(phase="grace_period", call={"grace_left": 60.0})
        p.session(phase="active")
        assert p.seen().grace_ends_at is None


async def test_what_a_call_says_of_livekit_and_of_leaving_is_told() -> None:
    async with play() as p:
        p.session(call={"is_connected": False})
        assert not p.seen().is_connected
        p.session(phase="closing", call={"closing": "operator"})
        assert p.seen().closing == "operator"


# -- workers


async def test_a_worker_that_livekit_has_taken_is_told_once() -> None:
    async with play() as p:
        assert p.beats.worker_came_at == -math.inf
        p.worker(takes_jobs=False)
        assert p.workers == 0
        await asyncio.sleep(3)
        p.worker()
        assert (p.workers, p.beats.worker_came_at) == (1, p.now)
        await asyncio.sleep(3)
        p.worker()
        p.worker(cpu=5.0)
        assert p.workers == 1
        p.worker(takes_jobs=False)
        p.worker()
        assert (p.workers, p.beats.worker_came_at) == (2, p.now)


async def test_another_process_of_the_worker_is_another_worker() -> None:
    async with play() as p:
        p.worker(incarnation="a")
        p.worker(incarnation="b")
        assert p.workers == 2


async def test_a_job_on_its_way_is_told_since_it_was_taken() -> None:
    async with play() as p:
        await asyncio.sleep(10)
        p.worker(Joining(room=ROOM, age=1.5))
        assert p.beats.joining_since(ROOM) == p.now - 1.5
        since = p.beats.joining_since(ROOM)
        await asyncio.sleep(2)
        p.worker(Joining(room=ROOM, age=3.9))
        assert p.beats.joining_since(ROOM) == since, "the same job"
        p.worker()
        assert p.beats.joining_since(ROOM) is None
        assert p.rooms == [ROOM, ROOM]


async def test_a_job_whose_session_is_heard_is_not_on_its_way() -> None:
    async with play() as p:
        p.worker(Joining(room=ROOM))
        await asyncio.sleep(1)
        p.session()
        assert p.beats.joining_since(ROOM) is None
        await asyncio.sleep(1)
        p.worker(Joining(room=ROOM), row="other")
        assert p.beats.joining_since(ROOM) == p.now, "another one is"


def _worker_line_breaks(p: Play, agent: Agent, line: Line) -> None:
    p.fleet.line_closed(agent.agent_id, line, "connection reset")


def _worker_stops(p: Play, agent: Agent, line: Line) -> None:
    p.worker(line=line, status=Said.STOPPED)


def _worker_is_removed(p: Play, agent: Agent, line: Line) -> None:
    p.fleet.remove(agent, by="ann", reason="tests", even_alive=True)


@pytest.mark.parametrize(
    "ends",
    [_worker_line_breaks, _worker_stops, _worker_is_removed],
    ids=["its line breaks", "it stops", "its row is removed"],
)
async def test_the_jobs_of_a_worker_that_is_not_heard_are_not_waited_for(
    ends: Callable[[Play, Agent, Line], None],
) -> None:
    async with play() as p:
        line = Line()
        agent = p.worker(Joining(room=ROOM), line=line)
        assert p.beats.worker_on("this") is agent
        assert p.beats.knows_workers
        ends(p, agent, line)
        assert p.beats.joining_since(ROOM) is None
        assert not p.beats.knows_workers
        assert p.rooms[-1] == ROOM


async def test_workers_are_known_while_livekit_has_taken_one() -> None:
    async with play() as p:
        assert not p.beats.knows_workers
        p.session()
        p.worker(takes_jobs=False)
        assert not p.beats.knows_workers
        p.worker()
        p.worker(row="other", takes_jobs=False)
        assert p.beats.knows_workers
        p.worker(takes_jobs=False)
        assert not p.beats.knows_workers


async def test_a_worker_can_be_asked_on_its_own_machine_and_line_only() -> None:
    async with play() as p:
        line = Line()
        p.fleet.line_closed(p.worker(row="gone", line=line).agent_id, line, "connection reset")
        p.worker(row="without a line")
        assert p.beats.worker_on("this") is None
        agent = p.worker(row="with one", line=Line())
        p.worker(row="nowhere", line=Line(), machine=None)
        assert p.beats.worker_on("this") is agent
        assert p.beats.worker_on("here") is None, "hosts of one name need not be one"
        assert p.beats.worker_on(None) is None, "who does not say where it is may be anywhere"
        assert p.beats.worker_on("") is None
