"""Rooms whose agents are on their way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from session.joining import LIMIT, MOST, JoiningRooms

pytestmark = pytest.mark.looptime


class Box:
    def __init__(self) -> None:
        self.running: set[str] = set()
        self.n_told = 0
        self.joining = JoiningRooms(
            running=lambda: self.running, on_change=self.tell, clock=asyncio.get_running_loop().time
        )

    def tell(self) -> None:
        self.n_told += 1

    def rooms(self) -> list[tuple[str, float]]:
        return [(one.room, one.age) for one in self.joining.rooms()]

    def launch(self, job_id: str) -> None:
        self.running.add(job_id)
        self.joining.launched(job_id)


@asynccontextmanager
async def watched() -> AsyncIterator[Box]:
    box = Box()
    task = asyncio.create_task(box.joining.run(), name="joining")
    try:
        yield box
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_taken_room_is_told_at_once_with_its_age(looptime: float) -> None:
    async with watched() as box:
        box.joining.take("j1", "agent-1-room")
        assert (box.n_told, box.rooms()) == (1, [("agent-1-room", 0)])
        await asyncio.sleep(2)
        box.joining.take("j2", "agent-2-room")
        assert box.rooms() == [("agent-1-room", 2), ("agent-2-room", 0)]


async def test_a_room_is_dropped_when_its_process_has_ended(looptime: float) -> None:
    async with watched() as box:
        box.joining.take("j1", "agent-1-room")
        await asyncio.sleep(3)
        assert box.rooms(), "it has no process yet"
        box.launch("j1")
        await asyncio.sleep(3)
        assert box.rooms()
        box.running.clear()
        await asyncio.sleep(0.6)
        assert box.rooms() == []
        assert box.n_told == 2


@pytest.mark.parametrize(("seconds", "is_told"), [(LIMIT - 0.1, True), (LIMIT, False), (LIMIT + 1, False)])
async def test_a_room_is_dropped_after_a_while(seconds: float, is_told: bool, looptime: float) -> None:
    async with watched() as box:
        box.joining.take("j1", "agent-1-room")
        box.launch("j1")
        await asyncio.sleep(seconds)
        assert bool(box.rooms()) is is_told


async def test_a_job_that_came_to_nothing_is_dropped_at_once(looptime: float) -> None:
    async with watched() as box:
        box.joining.take("j1", "agent-1-room")
        box.joining.drop("j1")
        box.joining.drop("j1")
        assert (box.n_told, box.rooms()) == (2, [])


async def test_after_a_quiet_time_it_goes_on(looptime: float) -> None:
    async with watched() as box:
        for number in range(3):
            box.joining.take(f"j{number}", f"agent-{number}-room")
            await asyncio.sleep(2 * LIMIT)
            assert box.rooms() == []
        assert box.n_told == 6


async def test_a_burst_tells_no_more_than_a_beat_takes(looptime: float) -> None:
    async with watched() as box:
        for number in range(MOST + 50):
            box.joining.take(f"j{number}", f"agent-{number}-room")
        assert len(box.rooms()) == MOST
        assert box.rooms()[-1] == (f"agent-{MOST + 49}-room", 0)
