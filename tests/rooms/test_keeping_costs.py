"""What keeping rooms costs, what is written down of it, and how it ends. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from rooms.limits import Intervals
from rooms.picture import Closure, Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, now, stage

pytestmark = pytest.mark.looptime


async def test_a_thousand_quiet_rooms_cost_one_list_each_in_ten_seconds() -> None:
    asyncio.get_running_loop().set_debug(False)
    livekit = FakeLiveKit()
    livekit.latency = 0.0
    async with stage(livekit) as s:
        s.keeping.wake(None)
        for number in range(1_000):
            room = f"agent-{number}-room"
            livekit.join(room, "ann")
            s.agent("x", room)
        await asyncio.sleep(6)
        before = livekit.requests.copy()
        await asyncio.sleep(10)
        asked = livekit.requests - before
        assert asked["participants"] <= 1_000
        assert asked["rooms"] <= 3
        assert set(asked) == {"participants", "rooms"}


async def test_intervals_are_what_they_are_set_to() -> None:
    async with stage(intervals=Intervals(rooms=1.0, health=50.0)) as s:
        await s.in_a_call()
        before = s.livekit.requests.copy()
        await asyncio.sleep(20)
        asked = s.livekit.requests - before
        assert 19 <= asked["rooms"] <= 21
        assert asked["participants"] == 0


async def test_phases_are_written_down() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(3)
        s.livekit.leave(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(1)
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(1)
        assert s.phases() == ["empty → active", "active → grace_period", "grace_period → active"]
        assert s.records.kinds() == ["human_came", "dispatch", "agent_came", "humans_left", "human_came"]


async def test_it_ends_at_once_while_livekit_hangs() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.held = asyncio.Event()
        s.falls(Health.SUSPECT)
        await asyncio.sleep(1)
        ends_at = now()
    assert now() - ends_at < 0.1


async def test_a_closure_that_was_given_is_shown() -> None:
    async with stage() as s:
        room = s.livekit.room(ROOM)
        s.keeping.closures[room.sid] = Closure(by="ann", reason="a test", at=now())
        await asyncio.sleep(6)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.closed is not None
        assert view.closed.by == "ann"
