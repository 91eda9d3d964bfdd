"""Holding a room open, with a room that refuses, hangs and comes late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from session.room_hold import RoomHold, needs_hold

pytestmark = pytest.mark.looptime


class FakeRoom:
    """A room that takes a second to join."""

    def __init__(self) -> None:
        self.n_joined = 0
        self.n_left = 0
        self.refusals = 0
        self.takes = 1.0
        self.leaves = True

    async def connect(self) -> "FakeRoom":
        await asyncio.sleep(self.takes)
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("not now")
        self.n_joined += 1
        return self

    async def disconnect(self) -> None:
        if not self.leaves:
            await asyncio.get_running_loop().create_future()
        self.n_left += 1


@pytest.fixture
def room() -> FakeRoom:
    return FakeRoom()


@asynccontextmanager
async def holding(room: FakeRoom) -> AsyncIterator[tuple[RoomHold, asyncio.Task[None]]]:
    hold = RoomHold(room.connect)
    task = asyncio.create_task(hold.run(), name="hold")
    try:
        yield hold, task
    finally:
        task.cancel()
        await asyncio.wait({task})
        await hold.release()


@pytest.mark.parametrize(
    ("departure_timeout", "grace_left", "needed"),
    [(20, 60, True), (64.9, 60, True), (65, 60, False), (120, 60, False), (20, 3, False), (0, 0, True)],
)
async def test_needs_hold(departure_timeout: float, grace_left: float, needed: bool) -> None:
    assert needs_hold(departure_timeout=departure_timeout, grace_left=grace_left) is needed


async def test_it_joins_once_and_leaves_once(room: FakeRoom) -> None:
    async with holding(room) as (hold, _):
        hold.wish(True)
        hold.wish(True)
        await asyncio.sleep(2)
        assert hold.is_held
        hold.wish(False)
        hold.wish(False)
        await asyncio.sleep(2)
        assert not hold.is_held
    assert (room.n_joined, room.n_left) == (1, 1)


async def test_it_tries_again_each_second(room: FakeRoom, looptime: float) -> None:
    room.refusals = 3
    async with holding(room) as (hold, _):
        hold.wish(True)
        await asyncio.sleep(6.5)
        assert not hold.is_held
        await asyncio.sleep(1)
        assert hold.is_held


async def test_a_wish_that_is_taken_back_while_joining(room: FakeRoom) -> None:
    async with holding(room) as (hold, _):
        hold.wish(True)
        await asyncio.sleep(0.5)
        hold.wish(False)
        await asyncio.sleep(2)
        assert not hold.is_held
    assert (room.n_joined, room.n_left) == (1, 1)


async def test_ending_it_in_the_middle_of_joining_leaves_nothing_behind(room: FakeRoom) -> None:
    async with holding(room) as (hold, task):
        hold.wish(True)
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait({task})
        await hold.release()
        await hold.release()
        assert (room.n_joined, room.n_left) == (1, 1)


async def test_release_does_not_wait_for_ever_for_a_room_that_hangs(room: FakeRoom, looptime: float) -> None:
    room.takes = 1000
    hold = RoomHold(room.connect)
    task = asyncio.create_task(hold.run(), name="hold")
    hold.wish(True)
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait({task})
    await hold.release()
    assert looptime == 3


async def test_a_room_that_does_not_let_go_does_not_end_the_hold(room: FakeRoom) -> None:
    async with holding(room) as (hold, _):
        room.leaves = False
        for _ in range(2):
            hold.wish(True)
            await asyncio.sleep(2)
            assert hold.is_held
            hold.wish(False)
            await asyncio.sleep(4)
            assert not hold.is_held
        room.leaves = True
    assert room.n_joined == 2


async def test_a_hold_that_livekit_drops_joins_again(room: FakeRoom) -> None:
    async with holding(room) as (hold, _):
        hold.wish(True)
        await asyncio.sleep(2)
        hold.lost(room)
        assert not hold.is_held
        await asyncio.sleep(2)
        assert hold.is_held
    assert room.n_joined == 2
