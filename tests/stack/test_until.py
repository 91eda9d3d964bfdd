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


async def test_no_time_is_one_look() -> None:
    assert await until(lambda: True, timeout=0, what="now")


async def test_errors_of_the_question_pass_through() -> None:
    async def ask() -> bool:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await until_answered(ask, timeout=1, what="an answer")
