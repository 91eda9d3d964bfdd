"""A worker is asked whether the process of a session whose line broke is still there."""

from __future__ import annotations

import asyncio

import pytest

from registry.probing import Probing
from rooms.picture import Health
from tests.registry.room_fleet import Line, Play, play
from wire import Outcome

pytestmark = pytest.mark.looptime


def an_outcome(detail: str, *, ok: bool = True) -> Outcome:
    return Outcome(id="", ok=ok, detail=detail)


def breaks(p: Play, **fields: object) -> Line:
    """A session's line breaks."""
    line = Line()
    p.session(line=line, **fields)  # type: ignore[arg-type]
    p.fleet.line_closed("1", line, "connection reset")
    return line


def probing_of(p: Play) -> Probing:
    probing = Probing(p.fleet, p.orders, p.beats)
    p.beats.on_doubt = probing.begin
    return probing


@pytest.mark.parametrize(
    ("answer", "health", "n_asked"),
    [
        pytest.param(an_outcome("process_gone"), Health.GONE, 1, id="it is gone"),
        pytest.param(an_outcome("process_gone", ok=False), Health.SUSPECT, 4, id="it could not look"),
        pytest.param(an_outcome("process_present"), Health.SUSPECT, 4, id="it is there"),
        pytest.param(an_outcome("unsure"), Health.SUSPECT, 4, id="it is not sure"),
        pytest.param(an_outcome("unknown order", ok=False), Health.SUSPECT, 4, id="an old worker"),
        pytest.param(None, Health.SUSPECT, 4, id="no answer"),
    ],
)
async def test_what_the_worker_answers(answer: Outcome | None, health: Health, n_asked: int) -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = answer
        p.worker(line=line)
        breaks(p)
        await asyncio.sleep(20)
        assert p.health() is health
        assert len(line.sent) == n_asked
        if health is Health.GONE:
            assert p.seen().cause == "its process 7 is gone, says w"
            assert p.lost == ["one"]
        await probing.aclose()


async def test_a_dead_process_is_known_within_milliseconds() -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_gone")
        p.worker(line=line)
        await asyncio.sleep(3)
        breaks(p)
        await asyncio.sleep(0.02)
        assert p.health() is Health.GONE
        await probing.aclose()


async def test_the_question_names_the_process_by_number_and_age() -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        p.worker(line=line)
        session_line = Line()
        p.session(line=session_line, process_id=4711, process_age=100.0)
        await asyncio.sleep(6)
        p.fleet.line_closed("1", session_line, "connection reset")
        await asyncio.sleep(0.01)
        (command,) = line.sent
        assert command.order == "probe"
        assert command.args["pid"] == 4711
        assert command.args["age"] == pytest.approx(106.0, abs=0.01)
        await probing.aclose()


async def test_a_process_that_is_just_being_killed_is_asked_for_again() -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_present")
        p.worker(line=line)
        breaks(p)
        await asyncio.sleep(0.1)
        assert p.health() is Health.SUSPECT
        line.answer = an_outcome("process_gone")
        await asyncio.sleep(0.1)
        assert p.health() is Health.GONE
        await probing.aclose()


async def test_a_session_that_is_heard_again_is_asked_about_no_more() -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_present")
        p.worker(line=line)
        breaks(p)
        await asyncio.sleep(0.05)
        p.session(line=Line())
        line.answer = an_outcome("process_gone")
        await asyncio.sleep(10)
        assert p.health() is Health.ALIVE
        assert len(line.sent) == 1
        await probing.aclose()


async def test_an_answer_that_comes_after_the_session_counts_for_nothing() -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_gone")
        p.worker(line=line)
        breaks(p)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        p.session(line=Line())  # the question is on its way
        await asyncio.sleep(10)
        assert p.health() is Health.ALIVE
        await probing.aclose()


async def test_a_successor_on_the_row_is_not_taken_for_the_dead_one() -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_present")
        p.worker(line=line)
        breaks(p)
        await asyncio.sleep(0.05)
        p.session("two", line=Line())
        line.answer = an_outcome("process_gone")
        await asyncio.sleep(10)
        assert p.health("two") is Health.ALIVE
        await probing.aclose()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"process_id": None}, id="no process id"),
        pytest.param({"process_age": None}, id="no age"),
        pytest.param({"machine": "another"}, id="another machine, though its host is called the same"),
        pytest.param({"machine": None}, id="no machine"),
    ],
)
async def test_who_cannot_be_told_apart_is_not_asked_about(fields: dict[str, object]) -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_gone")
        p.worker(line=line)
        nowhere = Line()
        nowhere.answer = an_outcome("process_gone")
        p.worker(row="nowhere", line=nowhere, machine=None)
        breaks(p, **fields)
        await asyncio.sleep(10)
        assert p.health() is Health.SUSPECT
        assert line.sent == nowhere.sent == []
        await probing.aclose()


async def test_it_ends_while_a_worker_is_asked_and_ends_twice() -> None:
    async with play() as p:
        probing = probing_of(p)
        p.worker(line=Line())
        breaks(p)
        await asyncio.sleep(0.01)
        await probing.aclose()
        await probing.aclose()
        assert p.health() is Health.SUSPECT


async def test_a_worker_that_moved_says_nothing_of_processes_where_it_was() -> None:
    """Its row goes on elsewhere, as in a rolling update: there the same numbers mean other processes."""
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_gone")
        p.worker(line=Line(), incarnation="before")
        p.worker(line=line, incarnation="after", machine="another")
        breaks(p)
        await asyncio.sleep(10)
        assert p.health() is Health.SUSPECT
        assert line.sent == []
        await probing.aclose()


async def test_a_worker_is_asked_about_its_machine_whatever_its_host_is_called() -> None:
    async with play() as p:
        probing = probing_of(p)
        line = Line()
        line.answer = an_outcome("process_gone")
        p.worker(line=line, host="a-container")
        breaks(p, host="another-container")
        await asyncio.sleep(0.1)
        assert p.health() is Health.GONE
        await probing.aclose()
