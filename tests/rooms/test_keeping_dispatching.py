"""A human without an agent is sent one: in virtual time, on LiveKit in memory."""

from __future__ import annotations

import asyncio

import pytest

from rooms.picture import Attempts
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, now, stage

pytestmark = pytest.mark.looptime


async def test_a_human_is_sent_an_agent_after_two_seconds() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(3)
        assert s.livekit.when("dispatch") == [pytest.approx(came_at + 2.0, abs=0.02)]
        assert len(s.livekit.made[ROOM].agents) == 1
        await asyncio.sleep(60)
        assert s.livekit.done() == [("dispatch", '{"agent_id":"1"}')]
        counts = s.keeper.stats()
        assert (counts.dispatches, counts.dispatches_answered, counts.without_agent) == (1, 1, 0)
        assert counts.dispatch_lengths[0] == pytest.approx(0.3, abs=0.05)


async def test_without_a_webhook_the_human_is_found_within_an_interval() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        came_at = now()
        await asyncio.sleep(8)
        assert s.livekit.when("dispatch")[0] <= came_at + 5.0 + 2.0 + 0.1


async def test_an_agent_that_does_not_come_is_asked_for_three_times_then_seldom() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(65)
        waits = [at - came_at for at in s.livekit.when("dispatch")]
        assert waits == pytest.approx([2, 7, 12, 27, 42, 57], abs=0.3)
        assert len(s.livekit.made[ROOM].dispatches) == 1, "older ones are taken back: never two agents"
        view = s.keeper.room(ROOM)
        assert view is not None
        assert "no agent came" in (view.trouble or "")
        assert view.attempts == 6
        assert s.keeper.stats().without_agent == 1


async def test_a_worker_that_comes_late_is_asked_at_once() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(20)
        s.livekit.worker_takes = 0.3
        s.beats.came_at = now()
        s.keeping.wake_all()
        await asyncio.sleep(0.5)
        assert len(s.livekit.made[ROOM].agents) == 1
        await asyncio.sleep(20)
        assert s.keeper.rooms()[0].trouble is None
        assert s.keeping.memories[ROOM].attempts == Attempts()


async def test_an_agent_that_livekit_itself_sends_is_waited_for() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        s.beats.joining[ROOM] = now()
        await asyncio.sleep(8)
        s.agent()
        del s.beats.joining[ROOM]
        s.keeping.wake(ROOM)
        await asyncio.sleep(60)
        assert s.livekit.done() == []


async def test_an_agent_that_comes_before_the_act_is_enough() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        loop = asyncio.get_running_loop()

        def come() -> None:
            if not s.livekit.made[ROOM].agents:
                s.agent()
            s.keeping.wake(ROOM)

        s.lock.on_ask = lambda: loop.call_soon_threadsafe(come)
        s.keeping.wake(ROOM)
        await asyncio.sleep(30)
        assert s.livekit.done() == []


async def test_an_attempt_counts_once_livekit_has_taken_it() -> None:
    async with stage() as s:
        s.livekit.failing["dispatch"] = "LiveKit did not do it"
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(8)
        memory = s.keeping.memories[ROOM]
        assert s.livekit.requests["dispatch"] >= 4
        assert (memory.attempts, s.keeper.stats().dispatches) == (Attempts(), 0)
        s.livekit.failing.clear()
        await asyncio.sleep(1.5)
        assert (memory.attempts.n, s.keeper.stats().dispatches) == (1, 1)


async def test_the_next_agent_is_asked_for_before_the_last_is_taken_back() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(3)
        (first,) = s.livekit.made[ROOM].dispatches
        await asyncio.sleep(5)
        assert [name for name, _ in s.livekit.done()] == ["dispatch", "dispatch", "undispatch"]
        assert s.livekit.done("undispatch") == [("undispatch", first)]


async def test_a_dispatch_that_cannot_be_taken_back_holds_nothing_up() -> None:
    async with stage() as s:
        s.livekit.failing["undispatch"] = "LiveKit did not do it"
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(14)
        waits = [at - came_at for at in s.livekit.when("dispatch")]
        assert waits == pytest.approx([2, 7, 12], abs=0.3)
        assert s.keeping.memories[ROOM].attempts.n == 3
        assert "failed" not in s.records.kinds()
