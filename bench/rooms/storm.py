"""Humans who come and go as dice say, and calls that are killed: the weather of `bench.rooms.chaos`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc

from bench import harness
from bench.rooms.stage import Stage
from stack.attendance import Attendance
from stack.caller import Guest
from stack.errors import LateError

_SHORT_JOINS = 0.25
"""Share of the joins that last less than a second."""
_SHORT_STAY = (0.3, 1.0)
_STAY = (2.0, 15.0)
_SHORT_ABSENCES = 0.6
"""Share of the absences that end within the grace period."""
_SHORT_ABSENCE = (0.2, 2.5)
_ABSENCE = (5.0, 20.0)
_BETWEEN_KILLS = (4.0, 12.0)
_RETRY = 1.0


class Storm:
    """One human for each room, and somebody who kills. Blows inside `blowing` only.

    Args:
        dice: Decides everything; the same dice give the same intentions, not the same timing.
    """

    def __init__(
        self, stage: Stage, attendance: Attendance, rooms: list[str], *, dice: random.Random
    ) -> None:
        self.n_joins = 0
        self.n_leaves = 0
        self.n_kills = 0
        self.n_put_out = 0
        """Humans whom LiveKit or its SDK put out of a room."""
        self._stage = stage
        self._attendance = attendance
        self._rooms = rooms
        self._dice = dice
        self._guests = [stage.guest(room) for room in rooms]

    @asynccontextmanager
    async def blowing(self) -> AsyncIterator[None]:
        """Inside, all come and go; after it, everybody is where they were."""
        is_over = asyncio.Event()
        # Each has dice of its own: whoever is slower must not change what the others do.
        lives = [self._live(guest, random.Random(self._dice.random()), is_over) for guest in self._guests]
        kills = self._kill_always(random.Random(self._dice.random()), is_over)
        async with asyncio.TaskGroup() as tasks:
            for number, work in enumerate([*lives, kills]):
                tasks.create_task(work, name=f"storm-{number}")
            try:
                yield
            finally:
                is_over.set()

    async def aclose(self) -> None:
        """All leave. May be called twice."""
        for guest in self._guests:
            await guest.leave()

    async def _live(self, guest: Guest, dice: random.Random, is_over: asyncio.Event) -> None:
        """Join and leave; each step is taken whole, so that nobody is half way when it is over."""
        while not is_over.is_set():
            seconds = _stay(dice) if guest.is_in else _absence(dice)
            if await _passed(is_over, seconds):
                return
            try:
                if guest.is_lost:
                    self.n_put_out += 1
                    await guest.leave()
                elif guest.is_in:
                    await guest.leave()
                    self.n_leaves += 1
                else:
                    await guest.join()
                    self.n_joins += 1
            except (rtc.ConnectError, LateError) as error:
                harness.say(f"{guest.room_name}: {error}")
                await _passed(is_over, _RETRY)

    async def _kill_always(self, dice: random.Random, is_over: asyncio.Event) -> None:
        while not await _passed(is_over, dice.uniform(*_BETWEEN_KILLS)):
            alone = [agents[0] for room in self._rooms if len(agents := self._attendance.living(room)) == 1]
            agent = dice.choice(alone) if alone else ""
            job = self._stage.job_of(agent)
            if job is not None:
                job.kill()
                self._attendance.dead.add(agent)
                self.n_kills += 1


def _stay(dice: random.Random) -> float:
    return dice.uniform(*(_SHORT_STAY if dice.random() < _SHORT_JOINS else _STAY))


def _absence(dice: random.Random) -> float:
    return dice.uniform(*(_SHORT_ABSENCE if dice.random() < _SHORT_ABSENCES else _ABSENCE))


async def _passed(is_over: asyncio.Event, seconds: float) -> bool:
    """Wait, and say whether it was over before."""
    try:
        async with asyncio.timeout(seconds):
            await is_over.wait()
    except TimeoutError:
        return False
    return True
