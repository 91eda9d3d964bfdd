from __future__ import annotations

import asyncio
import socket
import time

import pytest

from tests.steady import LATE, SteadyLoop


async def test_real_time_passes() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteadyLoop)
    began_at, really = loop.time(), time.monotonic()
    for _ in range(5):
        await asyncio.sleep(0.02)
    assert 0.1 <= loop.time() - began_at <= time.monotonic() - really


async def test_a_standstill_does_not_count() -> None:
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    time.sleep(0.2)  # noqa: ASYNC251
    await asyncio.sleep(0)
    assert loop.time() - began_at <= 2 * LATE


async def test_what_came_meanwhile_is_seen_before_a_limit() -> None:
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        async with asyncio.timeout(0.1):
            reading = asyncio.create_task(loop.sock_recv(here, 1))
            await asyncio.sleep(0)
            there.send(b"x")
            time.sleep(0.3)  # noqa: ASYNC251
            assert await reading == b"x"


async def test_a_limit_ends_what_hangs() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.Event().wait()


@pytest.mark.looptime
async def test_virtual_time_is_as_it_was(looptime: float) -> None:
    await asyncio.sleep(1000)
    assert looptime == 1000
