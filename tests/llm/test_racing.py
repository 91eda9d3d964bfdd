"""Two attempts side by side: who counts, and that nothing is left. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from llm.racing import drop, race, settle

pytestmark = pytest.mark.looptime


class Prize:
    """What an attempt comes to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.n_closed = 0

    async def aclose(self) -> None:
        self.n_closed += 1


async def attempt(takes: float, result: Prize | Exception) -> Prize:
    await asyncio.sleep(takes)
    if isinstance(result, Exception):
        raise result
    return result


def leading(takes: float, result: Prize | Exception) -> asyncio.Task[Prize]:
    return asyncio.create_task(attempt(takes, result))


def is_alone() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("first", "other", "winner", "at", "is_lost"),
    [
        pytest.param(1, 0, "first", 1, False, id="before the other begins"),
        pytest.param(3, 5, "first", 3, True, id="while both go on"),
        pytest.param(9, 1, "other", 3, True, id="the other"),
        pytest.param(ValueError(), 1, "other", 3, False, id="the first one fails"),
        pytest.param(4, ValueError(), "first", 4, False, id="the other one fails"),
    ],
)
async def test_the_first_to_succeed_counts(
    first: float | Exception, other: float | Exception, winner: str, at: float, is_lost: bool, looptime: float
) -> None:
    begins = (2.5, first) if isinstance(first, Exception) else (first, Prize("first"))
    follows = (0.1, other) if isinstance(other, Exception) else (other, Prize("other"))
    prize, lost = await race(leading(*begins), 2, attempt(*follows))
    assert (prize.name, looptime, lost is not None) == (winner, at, is_lost)
    if lost is not None:
        await drop(lost)
    assert is_alone()


@pytest.mark.parametrize(("takes", "at"), [(1, 1), (3, 4)], ids=["before the other begins", "and the other"])
async def test_the_first_ones_failure_is_told(takes: float, at: float, looptime: float) -> None:
    with pytest.raises(ValueError, match="first"):
        await race(leading(takes, ValueError("first")), 2, attempt(2, KeyError("other")))
    assert looptime == at
    assert is_alone()


@pytest.mark.parametrize("after", [1, 3])
async def test_who_goes_away_ends_both(after: float) -> None:
    racing = asyncio.create_task(race(leading(9, Prize("first")), 2, attempt(9, Prize("other"))))
    await asyncio.sleep(after)
    racing.cancel()
    await asyncio.wait({racing})
    assert racing.cancelled()
    assert is_alone()


async def test_a_result_that_nobody_needs_is_closed() -> None:
    prize = Prize("late")
    done = leading(0, prize)
    await settle(done)
    assert prize.n_closed == 1
    await drop(leading(9, prize))
    await drop(leading(0, ValueError()))
    assert (prize.n_closed, is_alone()) == (1, True)
