"""What a restarted registry knows of its agents, in virtual time."""

import asyncio
from datetime import timedelta

import pytest

from registry.errors import StoppedError
from registry.records import Status
from tests.registry.virtual_fleet import START, play, rows_of
from wire import Said

pytestmark = pytest.mark.looptime


async def test_after_a_restart_nobody_is_called_offline_before_they_could_beat() -> None:
    async with play() as before:
        for number in range(200):
            before.beat(str(number))
    await asyncio.sleep(300)
    async with play(rows_of(before)) as p:
        assert p.fleet.n_waiting == 200
        assert {agent.verdict.status for agent in p.fleet} == {Status.UNKNOWN}
        await asyncio.sleep(30)
        for number in range(199):
            p.beat(str(number))
        assert p.fleet.n_waiting == 1
        await asyncio.sleep(9.9)
        assert p.status("199") is Status.UNKNOWN
        assert p.fleet.get("199").heard_at(p.clock) == START
        await asyncio.sleep(0.2)
        assert p.status("199") is Status.OFFLINE
        assert p.fleet.n_waiting == 0
        assert p.told("0") == [("unknown", "running")]


async def test_after_a_restart_a_sender_with_a_long_interval_gets_its_own_time() -> None:
    async with play() as before:
        before.beat(interval=60.0)
    async with play(rows_of(before)) as p:
        await asyncio.sleep(149)
        assert p.status() is Status.UNKNOWN
        await asyncio.sleep(2)
        assert p.status() is Status.OFFLINE


async def test_what_was_final_before_a_restart_is_so_after_it() -> None:
    async with play() as before:
        before.beat("stopped")
        before.beat("stopped", status=Said.STOPPED, reason="done")
        before.beat("offline")
        await asyncio.sleep(26)
        before.beat("long gone", status=Said.STOPPED)
    async with play(rows_of(before)) as p:
        assert (p.status("stopped"), p.status("offline")) == (Status.STOPPED, Status.OFFLINE)
        assert p.fleet.get("offline").verdict.cause == "no beat for 25 s"
        with pytest.raises(StoppedError):
            p.beat("stopped")
    await asyncio.sleep(600)
    async with play(rows_of(before)) as p:
        assert len(p.fleet) == 0
        with pytest.raises(StoppedError):
            p.beat("long gone")


async def test_agents_that_beat_to_another_registry_are_left_to_it() -> None:
    async with play() as before:
        before.beat("theirs")
        before.beat("gone")
        before.beat("ours")
    async with play(rows_of(before)) as p:
        await asyncio.sleep(30)
        p.beat("ours")
        heard = {"theirs": p.clock.utc(), "ours": p.clock.utc(), "gone": START - timedelta(seconds=60)}
        assert p.fleet.leave_to_others(heard) == 1
        await asyncio.sleep(12)
        assert p.fleet.find("theirs") is None
        assert (p.status("ours"), p.status("gone")) == (Status.RUNNING, Status.OFFLINE)
        assert p.told("theirs") == [], "what the other one has written stays"
