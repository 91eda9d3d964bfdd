"""The fixed steps: a step that hangs or raises cannot stop the next (complaint 21)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from session.leaving import Step, take_steps

pytestmark = pytest.mark.looptime


def step(
    name: str, taken: list[str], *, takes: float = 0, limit: float = 1, error: Exception | None = None
) -> Step:
    async def run() -> None:
        taken.append(name)
        await asyncio.sleep(takes)
        if error is not None:
            raise error

    act: Callable[[], Awaitable[object]] = run
    return Step(name=name, limit=limit, run=act)


async def test_all_steps_are_taken_in_order(looptime: float) -> None:
    taken: list[str] = []
    assert await take_steps([step("a", taken, takes=0.25), step("b", taken, takes=0.5)]) == []
    assert taken == ["a", "b"]
    assert looptime == 0.75


async def test_a_step_that_hangs_costs_its_limit(looptime: float) -> None:
    taken: list[str] = []
    assert await take_steps([step("a", taken, takes=1e9, limit=2), step("b", taken)]) == ["a"]
    assert taken == ["a", "b"]
    assert looptime == 2


async def test_a_step_that_raises_is_left_behind() -> None:
    taken: list[str] = []
    steps = [step("a", taken, error=ValueError("no")), step("b", taken)]
    assert await take_steps(steps) == ["a"]
    assert taken == ["a", "b"]


async def test_ten_seconds_are_all_there_is(looptime: float) -> None:
    taken: list[str] = []
    steps = [step(name, taken, takes=1e9, limit=4) for name in ("a", "b", "c", "d", "e")]
    assert await take_steps(steps) == ["a", "b", "c", "d", "e"]
    assert looptime == 10


async def test_being_cancelled_is_no_failure_of_a_step() -> None:
    leaving = asyncio.create_task(take_steps([step("a", [], takes=1e9, limit=5)]))
    await asyncio.sleep(1)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
