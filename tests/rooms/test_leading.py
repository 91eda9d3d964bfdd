"""One registry keeps the rooms: the one that holds the lock, and is sure of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from rooms.leading import Leadership
from tests.rooms.stage import LOCK_TROUBLE, FakeLock

FRESH = 0.05
"""Instead of 0.25 seconds, in which an answer is believed."""


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not is_so():  # noqa: ASYNC110  # a thread changes it
            await asyncio.sleep(0.002)


@asynccontextmanager
async def leading(lock: FakeLock) -> AsyncIterator[Leadership]:
    leadership = Leadership(lock)
    running = asyncio.create_task(leadership.run())
    try:
        yield leadership
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def a_leader(lock: FakeLock) -> Leadership:
    """It leads, looks no more by itself, and the answer that it got has become too old."""
    async with leading(lock) as leadership:
        await until(lambda: leadership.is_leading)
    await asyncio.sleep(2 * FRESH)
    lock.n_asked = 0
    return leadership


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is asked in threads, so time is real here."""
    monkeypatch.setattr("rooms.leading.INTERVAL", 0.01)
    monkeypatch.setattr("rooms.leading.TIMEOUT", 0.1)
    monkeypatch.setattr("rooms.leading._FRESH", FRESH)


async def test_who_gets_the_lock_leads() -> None:
    async with leading(FakeLock()) as leadership:
        assert not leadership.is_leading
        await until(lambda: leadership.is_leading)
        assert await leadership.confirm()


async def test_who_does_not_get_it_tries_again() -> None:
    lock = FakeLock()
    lock.is_free = False
    async with leading(lock) as leadership:
        await asyncio.sleep(0.05)
        assert not leadership.is_leading
        assert not await leadership.confirm()
        assert lock.n_asked == 0, "who does not lead need not ask"
        lock.is_free = True
        await until(lambda: leadership.is_leading)


async def test_changes_are_told_once() -> None:
    lock = FakeLock()
    told: list[bool] = []
    async with leading(lock) as leadership:
        leadership.changed = lambda: told.append(leadership.is_leading)
        await until(lambda: leadership.is_leading)
        await asyncio.sleep(0.05)
        lock.is_free = False
        await until(lambda: not leadership.is_leading)
        await asyncio.sleep(0.05)
    assert told == [True, False]


@pytest.mark.parametrize(
    "error",
    [LOCK_TROUBLE, OSError("nobody thought of this")],
    ids=["the database is away", "an error that nobody thought of"],
)
async def test_a_lock_that_fails_is_lost_and_tried_for_again(error: Exception) -> None:
    lock = FakeLock()
    async with leading(lock) as leadership:
        await until(lambda: leadership.is_leading)
        lock.error = error
        await until(lambda: not leadership.is_leading)
        lock.error = None
        await until(lambda: leadership.is_leading)


async def test_who_cannot_be_sure_does_not_lead() -> None:
    lock = FakeLock()
    leadership = await a_leader(lock)
    lock.answers.clear()
    began_at = asyncio.get_running_loop().time()
    assert not await leadership.confirm()
    assert asyncio.get_running_loop().time() - began_at < 4
    assert not leadership.is_leading
    lock.answers.set()


async def test_many_may_ask_at_once_and_share_one_answer() -> None:
    lock = FakeLock()
    leadership = await a_leader(lock)
    assert all(await asyncio.gather(*(leadership.confirm() for _ in range(50))))
    assert lock.n_asked == 1
    await asyncio.sleep(2 * FRESH)
    lock.is_free = False
    assert not any(await asyncio.gather(*(leadership.confirm() for _ in range(50))))
    assert lock.n_asked == 2


async def test_an_answer_is_believed_for_a_moment() -> None:
    lock = FakeLock()
    leadership = await a_leader(lock)
    loop = asyncio.get_running_loop()
    asked_at = loop.time()
    assert await leadership.confirm()
    lock.is_free = False
    while await leadership.confirm():
        assert loop.time() < asked_at + 1
        await asyncio.sleep(0.001)
    assert loop.time() >= asked_at + FRESH
    assert not leadership.is_leading


async def test_a_lock_that_breaks_while_it_is_asked_about_does_not_block_the_next() -> None:
    lock = FakeLock()
    leadership = await a_leader(lock)
    lock.error = OSError("nobody thought of this")
    with pytest.raises(OSError, match="nobody thought"):
        await leadership.confirm()
    lock.error = None
    async with asyncio.timeout(1):
        assert await leadership.confirm()


async def test_somebody_leads_who_holds_the_lock_here_or_elsewhere() -> None:
    lock = FakeLock()
    lock.is_free = False
    async with leading(lock) as leadership:
        assert not leadership.is_led, "nobody has asked yet"
        await until(lambda: leadership.is_led)
        assert not leadership.is_leading
        lock.error = LOCK_TROUBLE
        await until(lambda: not leadership.is_led)
        lock.error = None
        await until(lambda: leadership.is_led)
        lock.is_free = True
        await until(lambda: leadership.is_leading)
        assert leadership.is_led


async def test_it_gives_the_lock_back_twice() -> None:
    lock = FakeLock()
    async with leading(lock) as leadership:
        await until(lambda: leadership.is_leading)
    await leadership.aclose()
    await leadership.aclose()
    assert not leadership.is_leading
    assert not lock.held


async def test_it_ends_in_time_though_the_database_hangs() -> None:
    class Hanging(FakeLock):
        def release(self) -> None:
            self.answers.wait(5)

    lock = Hanging()
    async with leading(lock) as leadership:
        await until(lambda: leadership.is_leading)
    lock.answers.clear()
    async with asyncio.timeout(1):
        await leadership.aclose()
    lock.answers.set()
