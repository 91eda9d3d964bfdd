"""Agents that may be dead are asked: in virtual time, on LiveKit in memory."""

from __future__ import annotations

import asyncio

import pytest

from rooms.picture import Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, now, stage

pytestmark = pytest.mark.looptime


async def test_a_hung_agent_is_asked_then_removed_then_followed() -> None:
    """Complaint 18."""
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await s.in_a_call()
        s.livekit.made[ROOM].people["ai-1-a"].answers = False
        s.falls(Health.SUSPECT)
        await asyncio.sleep(2)
        assert [name for name, _ in s.livekit.done()] == ["remove", "dispatch"]
        assert len(s.livekit.made[ROOM].agents) == 1


async def test_an_agent_that_only_the_registry_cannot_hear_stays() -> None:
    """Complaint 17."""
    async with stage() as s:
        await s.in_a_call()
        s.falls(Health.SUSPECT, is_guess=True)
        asyncio.get_running_loop().set_debug(False)
        await asyncio.sleep(600)
        assert s.livekit.done() == []
        assert s.livekit.made[ROOM].agents == ["ai-1-a"]
        assert 58 <= s.livekit.requests["ask"] <= 62, "asked every ten seconds"


async def test_an_agent_of_which_nothing_was_ever_heard_stays_while_it_answers() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.livekit.agent(ROOM, "stranger")
        await asyncio.sleep(120)
        assert s.livekit.done() == []


async def test_an_agent_that_livekit_cannot_ask_stays() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.failing["ask"] = "no such method"
        s.falls(Health.UNKNOWN, is_guess=True)
        await asyncio.sleep(120)
        assert s.livekit.done() == []


async def test_an_agent_that_is_heard_again_before_the_act_stays() -> None:
    async with stage() as s:
        await s.in_a_call()
        loop = asyncio.get_running_loop()
        s.lock.on_ask = lambda: loop.call_soon_threadsafe(s.beats.say, ROOM, "a")
        s.falls(Health.GONE)
        await asyncio.sleep(30)
        assert s.livekit.done() == []


async def test_a_stranger_that_does_not_answer_goes_after_two_questions() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.livekit.agent(ROOM, "stranger", answers=False)
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(20)
        assert [name for name, _ in s.livekit.done()] == ["remove", "dispatch"]
        # Three seconds to settle, two questions of 0.8 s, and four seconds between their ends.
        assert s.livekit.when("remove")[0] == pytest.approx(came_at + 3 + 0.8 + 4 + 0.8, abs=0.1)
        assert s.livekit.requests["ask"] == 2


async def test_a_stranger_whose_loop_was_late_for_once_stays() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        stranger = s.livekit.agent(ROOM, "stranger", answers=False)
        s.keeping.wake(ROOM)
        await asyncio.sleep(5)
        assert s.livekit.requests["ask"] == 1
        stranger.answers = True
        await asyncio.sleep(60)
        assert s.livekit.done() == []


async def test_a_silence_of_long_ago_is_not_the_first_of_two() -> None:
    async with stage() as s:
        await s.in_a_call()
        agent = s.livekit.made[ROOM].people["ai-1-a"]
        for _ in range(2):
            agent.answers = False
            s.falls(Health.UNKNOWN)
            await asyncio.sleep(2)
            agent.answers = True
            s.falls(Health.ALIVE)
            await asyncio.sleep(600)
        assert s.livekit.requests["ask"] == 2
        assert s.livekit.done() == []
