"""What silence and broken lines say of an agent, in virtual time."""

import asyncio
from datetime import timedelta

import pytest

from registry.admission import Admission
from registry.clock import Clock
from registry.fleet import Fleet
from registry.records import Status
from registry.status import TIMED_OUT, Limits
from tests.registry.beats import a_beat
from tests.registry.virtual_fleet import START, Play, Wire, play

pytestmark = pytest.mark.looptime


async def test_silence_is_shown_late_then_offline_then_no_more() -> None:
    async with play() as p:
        p.beat()
        await asyncio.sleep(16.02)
        assert p.fleet.get("1").verdict.health == 80
        await asyncio.sleep(8.9)
        assert p.status() is Status.RUNNING
        await asyncio.sleep(0.12)
        assert p.status() is Status.OFFLINE
        assert p.fleet.get("1").verdict.cause == "no beat for 25 s"
        await asyncio.sleep(599.9)
        assert p.status() is Status.OFFLINE
        await asyncio.sleep(0.2)
        assert p.fleet.find("1") is None
        assert p.told() == [(None, "running"), ("running", "offline")]
        assert p.ledger.rows["1"].status is Status.OFFLINE


async def test_expiry_is_at_most_a_quantum_late() -> None:
    async with play() as p:
        for number in range(50):
            p.beat(str(number))
            await asyncio.sleep(9.7)
        await asyncio.sleep(30)
        assert len(p.lags) == 50
        assert max(p.lags) <= 0.0101


async def test_beats_keep_an_agent_alive_for_ever() -> None:
    async with play() as p:
        for _ in range(360):
            p.beat()
            await asyncio.sleep(10)
        assert p.told() == [(None, "running")]


async def test_a_broken_line_is_suspect_at_once_and_offline_a_second_and_a_half_later() -> None:
    async with play() as p:
        line = Wire()
        p.beat(line=line)
        p.fleet.line_closed("1", line, "connection lost")
        assert (p.status(), p.fleet.get("1").verdict.is_suspect) == (Status.WARNING, True)
        await asyncio.sleep(1.49)
        assert p.status() is Status.WARNING
        await asyncio.sleep(0.03)
        assert p.status() is Status.OFFLINE


async def test_a_line_that_timed_out_has_been_silent_for_four_seconds_already() -> None:
    async with play() as p:
        line = Wire()
        p.beat(line=line)
        await asyncio.sleep(7)
        p.fleet.line_closed("1", line, TIMED_OUT)
        assert p.status() is Status.OFFLINE


async def test_a_new_line_and_two_good_beats_settle_a_suspicion() -> None:
    async with play() as p:
        old, new = Wire(), Wire()
        p.beat(line=old)
        p.fleet.line_closed("1", old, "connection lost")
        p.beat(line=new)
        assert (p.status(), p.fleet.get("1").facts.is_doubted) == (Status.WARNING, True)
        p.beat(line=new)
        assert (p.status(), p.fleet.get("1").verdict.health) == (Status.RUNNING, 100)
        await asyncio.sleep(10)
        assert p.told() == [(None, "running"), ("running", "warning"), ("warning", "running")]


async def test_the_end_of_a_line_that_was_replaced_means_nothing() -> None:
    async with play() as p:
        old, new = Wire(), Wire()
        p.beat(line=old)
        p.beat(line=new)
        p.fleet.line_closed("1", old, "connection lost")
        assert p.status() is Status.RUNNING


async def test_lines_that_break_because_the_registry_ends_mean_nothing() -> None:
    async with play() as p:
        line = Wire()
        p.beat(line=line)
        p.fleet.is_closing = True
        p.fleet.line_closed("1", line, "closed")
        assert p.status() is Status.RUNNING


async def test_a_line_of_the_old_process_says_nothing_about_the_new_one() -> None:
    async with play() as p:
        line = Wire()
        p.beat(incarnation="one", line=line)
        p.beat(incarnation="two")
        p.fleet.line_closed("1", line, "connection lost")
        assert p.status() is Status.RUNNING


async def test_time_that_the_registry_stood_still_is_given_back() -> None:
    loop = asyncio.get_running_loop()
    skipped = 0.0
    p = Play()
    clock = Clock(monotonic=lambda: loop.time() + skipped, utc=lambda: START + timedelta(seconds=loop.time()))
    fleet = Fleet(limits=Limits(), clock=clock, ledger=p.ledger, admission=Admission(10))
    running = asyncio.create_task(fleet.settling.reaper.run())
    fleet.take(a_beat(), source="here")
    await asyncio.sleep(5)
    skipped = 60.0
    await asyncio.sleep(15)
    assert fleet.get("1").verdict.status is not Status.OFFLINE
    assert fleet.away_at is not None
    await asyncio.sleep(12)
    assert fleet.get("1").verdict.status is Status.OFFLINE
    running.cancel()
    await asyncio.wait({running})
