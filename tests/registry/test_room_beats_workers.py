"""What beats say of workers and of jobs on their way, in the room keeper's words."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from registry.agents import Agent
from tests.registry.room_fleet import ROOM, Line, Play, play
from wire import Joining, Said

pytestmark = pytest.mark.looptime

AGENT = "7"


async def test_a_worker_that_livekit_has_taken_is_told_once() -> None:
    async with play() as p:
        assert p.beats.worker_came_at(AGENT) == -math.inf
        p.worker(takes_jobs=False)
        assert p.workers == 0
        await asyncio.sleep(3)
        p.worker()
        assert (p.workers, p.beats.worker_came_at(AGENT)) == (1, p.now)
        await asyncio.sleep(3)
        p.worker()
        p.worker(cpu=5.0)
        assert p.workers == 1
        p.worker(takes_jobs=False)
        p.worker()
        assert (p.workers, p.beats.worker_came_at(AGENT)) == (2, p.now)


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
        assert p.beats.knows_workers(AGENT)
        ends(p, agent, line)
        assert p.beats.joining_since(ROOM) is None
        assert not p.beats.knows_workers(AGENT)
        assert p.rooms[-1] == ROOM


async def test_workers_are_known_while_livekit_has_taken_one() -> None:
    async with play() as p:
        assert not p.beats.knows_workers(AGENT)
        p.session()
        p.worker(takes_jobs=False)
        assert not p.beats.knows_workers(AGENT)
        p.worker()
        p.worker(row="other", takes_jobs=False)
        assert p.beats.knows_workers(AGENT)
        p.worker(takes_jobs=False)
        assert not p.beats.knows_workers(AGENT)


@pytest.mark.parametrize("row", ["worker-north/ada", "w/x/ada", "worker-north/ada~1a2b"])
async def test_a_worker_that_is_one_agent_counts_for_its_rooms_only(row: str) -> None:
    async with play() as p:
        await asyncio.sleep(1)
        p.worker(row=row)
        assert p.workers == 1
        assert p.beats.knows_workers("ada")
        assert p.beats.worker_came_at("ada") == p.now
        for other in (AGENT, None):
            assert not p.beats.knows_workers(other)
            assert p.beats.worker_came_at(other) == -math.inf
        since = p.now
        await asyncio.sleep(1)
        p.worker(row="worker-north")
        assert p.beats.knows_workers(AGENT)
        assert p.beats.knows_workers(None)
        assert p.beats.worker_came_at(AGENT) == p.beats.worker_came_at("ada") == p.now
        assert since < p.now
        p.worker(row="worker-north", takes_jobs=False)
        p.worker(row=row, takes_jobs=False)
        assert not p.beats.knows_workers("ada")


@pytest.mark.parametrize("row", ["w", "/ada", "worker/", "worker/of the house"])
async def test_a_worker_of_any_other_name_serves_everybody(row: str) -> None:
    async with play() as p:
        p.worker(row=row)
        assert p.beats.knows_workers(AGENT)


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
