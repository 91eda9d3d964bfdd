"""What runs beside a call."""

from __future__ import annotations

import asyncio
import logging

import pytest

from session.background import Background
from tests.session.log_lines import ours


async def test_all_end_together_and_one_that_breaks_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def breaks() -> None:
        raise RuntimeError("boom")

    async def lives() -> None:
        try:
            await asyncio.Future()
        finally:
            ended.append("lives")

    background = Background()
    with caplog.at_level(logging.ERROR):
        background.run(breaks(), name="breaks")
        background.run(lives(), name="lives")
        await asyncio.sleep(0.01)
        assert ended == []
    await background.aclose()
    await background.aclose()
    assert ended == ["lives"]
    assert [record.__dict__["part"] for record in ours(caplog)] == ["breaks"]


async def test_nothing_to_end() -> None:
    await Background().aclose()
