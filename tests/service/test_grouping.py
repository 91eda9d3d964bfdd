"""Many calls at once become few."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from service.grouping import Grouped


class _Work:
    """Doubles numbers; waits for `go` each time; breaks at 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.began.release()
        assert self.go.acquire(timeout=20)
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]


def _sized(items: Sequence[int]) -> Sequence[tuple[int, int]]:
    return [(item, len(items)) for item in items]


async def begun(work: _Work) -> None:
    await asyncio.to_thread(work.began.acquire, timeout=20)


async def test_what_comes_while_one_is_done_is_done_together() -> None:
    work = _Work()
    group = Grouped(work, name="test")
    first = asyncio.create_task(group.do(1))
    await begun(work)
    rest = [asyncio.create_task(group.do(number)) for number in range(2, 6)]
    await asyncio.sleep(0)
    work.go.release(2)
    assert [await first, *[await each for each in rest]] == [2, 4, 6, 8, 10]
    assert work.batches == [[1], [2, 3, 4, 5]]
    work.go.release()
    assert await group.do(9) == 18, "it goes on after a pause"


async def test_an_error_reaches_all_of_its_batch_and_nobody_else() -> None:
    work = _Work()
    group = Grouped(work, name="test")
    first = asyncio.create_task(group.do(1))
    await begun(work)
    bad = [asyncio.create_task(group.do(number)) for number in (12, 13)]
    await asyncio.sleep(0)
    work.go.release(3)
    assert await first == 2
    for each in bad:
        with pytest.raises(ValueError, match="thirteen"):
            await each
    assert await group.do(4) == 8


async def test_who_goes_away_before_its_turn_is_left_out_and_hurts_nobody() -> None:
    work = _Work()
    group = Grouped(work, name="test")
    first, second, third = (asyncio.create_task(group.do(number)) for number in (1, 2, 3))
    await begun(work)
    second.cancel()
    first.cancel()
    await asyncio.sleep(0)
    work.go.release(2)
    assert await third == 6
    assert work.batches in ([[1], [3]], [[1, 2, 3]])
    await group.aclose()
    await group.aclose()


async def test_closing_waits_for_what_was_begun() -> None:
    work = _Work()
    group = Grouped(work, name="test")
    doing = asyncio.create_task(group.do(1))
    await begun(work)
    closing = asyncio.create_task(group.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    work.go.release()
    await closing
    assert await doing == 2


async def test_a_great_many_are_done_in_several_batches() -> None:
    group = Grouped(_sized, name="test")
    results = await asyncio.gather(*(group.do(number) for number in range(1_000)))
    assert [number for number, _ in results] == list(range(1_000))
    assert max(size for _, size in results) == 256
