"""The registry's timer, in virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from registry.reaper import PORTION, QUANTUM, Reaper


class Seen:
    def __init__(self) -> None:
        self.due: list[tuple[float, str]] = []
        self.away: list[float] = []
        self.on_first: Callable[[], object] = lambda: None
        self.reaper = Reaper(
            due=self.take, was_away=self.away.append, clock=lambda: asyncio.get_running_loop().time()
        )

    def take(self, agent_id: str, now: float) -> None:
        if not self.due:
            self.on_first()
        self.due.append((round(now, 3), agent_id))
        if agent_id == "broken":
            raise ValueError(agent_id)

    async def run(self, seconds: float) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.reaper.run()


@pytest.mark.looptime
async def test_each_is_called_at_its_moment() -> None:
    seen = Seen()
    for at, agent_id in [(3.0, "c"), (1.0, "a"), (2.0, "b")]:
        seen.reaper.schedule(agent_id, at)
    await seen.run(10)
    assert seen.due == [(1.0, "a"), (2.0, "b"), (3.0, "c")]


@pytest.mark.looptime
async def test_a_sooner_moment_wakes_it() -> None:
    seen = Seen()
    seen.reaper.schedule("late", 50.0)
    running = asyncio.create_task(seen.run(20))
    await asyncio.sleep(5)
    seen.reaper.schedule("soon", 7.0)
    await running
    assert seen.due == [(7.0, "soon")]


@pytest.mark.looptime
async def test_what_is_due_within_a_quantum_is_called_together() -> None:
    seen = Seen()
    for number in range(5):
        seen.reaper.schedule(str(number), 1.0 + number * QUANTUM / 10)
    await seen.run(3)
    assert len(seen.due) == 5
    assert len({at for at, _ in seen.due}) <= 2


@pytest.mark.looptime
async def test_one_that_fails_does_not_stop_the_others() -> None:
    seen = Seen()
    seen.reaper.schedule("broken", 1.0)
    seen.reaper.schedule("fine", 1.0)
    seen.reaper.schedule("later", 2.0)
    await seen.run(3)
    assert [agent_id for _, agent_id in seen.due] == ["broken", "fine", "later"]


@pytest.mark.looptime
async def test_others_get_a_turn_between_two_portions() -> None:
    seen = Seen()
    for number in range(3 * PORTION):
        seen.reaper.schedule(str(number), 1.0)
    seen.on_first = lambda: asyncio.get_running_loop().call_soon(lambda: seen.due.append((0.0, "another")))
    await seen.run(3)
    assert seen.due.index((0.0, "another")) == PORTION


@pytest.mark.looptime
async def test_standing_still_is_told_before_anything_is_due() -> None:
    now = 0.0
    told: list[str] = []
    reaper = Reaper(
        due=lambda agent_id, _: told.append(agent_id),
        was_away=lambda s: told.append(f"{s:g} s"),
        clock=lambda: now,
    )
    reaper.schedule("a", 5.0)
    running = asyncio.create_task(reaper.run())
    await asyncio.sleep(1)
    now = 30.0  # the clock went on, the loop did not
    await asyncio.sleep(5)
    running.cancel()
    assert told == ["25 s", "a"]
