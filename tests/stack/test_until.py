from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from stack.errors import LateError
from stack.until import until, until_answered

pytestmark = pytest.mark.looptime


async def test_the_first_true_answer_is_returned(looptime: float) -> None:
    answers: Iterator[int] = iter([0, 0, 7])
    assert await until(lambda: next(answers), timeout=10, what="a seven", interval=1) == 7
    assert looptime == 2


async def test_the_limit_says_what_was_waited_for(looptime: float) -> None:
    with pytest.raises(LateError, match=r"waited 2\.5 s for a miracle"):
        await until(lambda: False, timeout=2.5, what="a miracle", interval=1)
    assert looptime == 2.5


async def test_an_answer_at_the_limit_counts(looptime: float) -> None:
    loop = asyncio.get_running_loop()
    assert await until(lambda: loop.time() >= 3, timeout=3, what="three", interval=2)


async def test_time_in_which_the_machine_stands_still_does_not_count(looptime: float) -> None:
    """Until the third look the machine gives a pause 20 s instead of 1."""
    loop = asyncio.get_running_loop()
    sleep = asyncio.sleep
    looks: list[float] = []

    async def slow(seconds: float) -> None:
        await sleep(20 if len(looks) <= 2 else seconds)

    def look() -> None:
        looks.append(loop.time())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", slow)
        with pytest.raises(LateError, match="waited 5 s"):
            await until(look, timeout=5, what="nothing", interval=1)
    assert looks == [0, 20, 40, 41, 42, 42.5]


async def test_no_time_is_one_look() -> None:
    assert await until(lambda: True, timeout=0, what="now")


async def test_errors_of_the_question_pass_through() -> None:
    async def ask() -> bool:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await until_answered(ask, timeout=1, what="an answer")
