"""Many agents fall silent at once: it may be the network, in virtual time."""

import asyncio

import pytest

from registry.records import Status
from registry.status import TIMED_OUT
from tests.registry.virtual_fleet import Wire, play, rows_of

pytestmark = pytest.mark.looptime


async def test_mass_silence_calls_nobody_offline_and_is_over_when_they_are_heard() -> None:
    async with play() as p:
        for number in range(40):
            p.beat(str(number))
        for _ in range(3):
            await asyncio.sleep(9)
            for number in range(20):
                p.beat(str(number))
        assert p.fleet.cut_off_at is not None
        assert {p.status(str(number)) for number in range(20, 40)} == {Status.UNKNOWN}
        assert {p.status(str(number)) for number in range(20)} == {Status.RUNNING}
        for number in range(20, 40):
            p.beat(str(number))
        assert p.fleet.cut_off_at is None
        for number in range(40):
            p.beat(str(number))
        assert {p.status(str(number)) for number in range(40)} == {Status.RUNNING}


async def test_many_processes_seen_to_end_are_no_mass_silence() -> None:
    async with play() as p:
        lines = {str(number): Wire() for number in range(10)}
        for agent_id, line in lines.items():
            p.beat(agent_id, line=line)
        for agent_id, line in lines.items():
            p.fleet.line_closed(agent_id, line, "connection lost")
        await asyncio.sleep(2)
        assert {p.status(agent_id) for agent_id in lines} == {Status.OFFLINE}
        assert p.fleet.cut_off_at is None


async def test_a_cut_network_is_noticed_by_lines_that_time_out() -> None:
    async with play() as p:
        lines = {str(number): Wire() for number in range(8)}
        for agent_id, line in lines.items():
            p.beat(agent_id, line=line)
        for agent_id, line in lines.items():
            p.fleet.line_closed(agent_id, line, TIMED_OUT)
        assert p.fleet.cut_off_at is not None
        assert {p.status(agent_id) for agent_id in lines} == {Status.UNKNOWN}


async def test_agents_still_on_their_way_after_a_cut_get_the_time_that_senders_need() -> None:
    async with play() as p:
        for number in range(20):
            p.beat(str(number))
        await asyncio.sleep(40)
        assert p.fleet.cut_off_at is not None
        for number in range(17):
            p.beat(str(number))
        assert p.fleet.cut_off_at is None
        await asyncio.sleep(20)
        assert {p.fleet.get(str(number)).verdict.health for number in range(17, 20)} == {80}
        for number in range(17):
            p.beat(str(number))
        await asyncio.sleep(16)
        assert {p.status(str(number)) for number in range(17, 20)} == {Status.OFFLINE}


async def test_a_fleet_that_nobody_hears_after_a_restart_may_be_beyond_a_cut() -> None:
    async with play() as before:
        for number in range(10):
            before.beat(str(number))
    async with play(rows_of(before)) as p:
        await asyncio.sleep(41)
        assert p.fleet.cut_off_at is not None
        assert {agent.verdict.status for agent in p.fleet} == {Status.UNKNOWN}
        await asyncio.sleep(700)
        assert {agent.verdict.status for agent in p.fleet} == {Status.OFFLINE}
