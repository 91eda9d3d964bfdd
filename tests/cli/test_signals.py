"""Work that a signal ends."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from cli.signals import until_stopped


async def test_work_that_ends_by_itself() -> None:
    assert await until_stopped(asyncio.sleep(0)) is None
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


async def test_an_error_of_the_work_passes_through() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await until_stopped(fail())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_cancels_the_work_and_waits_for_its_end(number: signal.Signals) -> None:
    steps = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    assert await until_stopped(work()) is number
    assert steps == ["cleaned up"]


async def test_a_second_signal_ends_the_cleaning_up() -> None:
    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    assert await until_stopped(work()) is signal.SIGINT


async def test_a_cancellation_by_others_passes_through() -> None:
    task = asyncio.create_task(until_stopped(asyncio.sleep(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
