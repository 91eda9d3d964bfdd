"""The memory of conversations, also while the database is away."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from service import threads as threads_module
from service.errors import BusyError
from service.store import Key, Limits, Message, Store, StoreError, Turn
from service.threads import ForgetfulError, Threads
from stack.until import until
from tests.service.clocks import FakeClock

LIMITS = Limits(threads=2, messages=4, ttl=timedelta(hours=1))
A, B, C = (Key("", name) for name in "abc")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_module, "RETRY_INTERVAL", 0.02)


@pytest.fixture
async def threads(store: Store, clock: FakeClock) -> Threads:
    threads = Threads(store, limits=LIMITS, clock=lambda: clock.now)
    await threads.open()
    return threads


@asynccontextmanager
async def watched(threads: Threads) -> AsyncIterator[None]:
    watching = asyncio.create_task(threads.run())
    yield
    watching.cancel()
    await asyncio.wait({watching})
    await threads.aclose()


async def texts(threads: Threads, key: Key) -> list[str]:
    return [message.content for message in await threads.recall(key)]


async def test_a_turn_is_remembered(threads: Threads) -> None:
    assert await threads.recall(A) == ()
    await threads.remember(A, "q", "a")
    assert list(await threads.recall(A)) == [Message("user", "q"), Message("assistant", "a")]
    assert await threads.recall(B) == ()


async def test_many_at_once(threads: Threads) -> None:
    threads.limits = Limits(threads=500, messages=4, ttl=LIMITS.ttl)
    keys = [Key("", str(number)) for number in range(100)]
    await asyncio.gather(*(threads.remember(key, key.thread_id, "a") for key in keys))
    found = await asyncio.gather(*(texts(threads, key) for key in keys))
    assert found == [[key.thread_id, "a"] for key in keys]


async def test_limits_and_time(threads: Threads, clock: FakeClock) -> None:
    for key in (A, B, C):
        await threads.remember(key, "q", "a")
        clock.pass_by(1)
    assert [bool(await threads.recall(key)) for key in (A, B, C)] == [False, True, True]
    for number in range(3):
        await threads.remember(C, f"q{number}", "a")
    assert await texts(threads, C) == ["q1", "a", "q2", "a"]
    clock.pass_by(3_600)
    assert await threads.recall(C) == ()


async def test_those_who_share_a_thread_take_turns_and_others_do_not_wait(threads: Threads) -> None:
    order = []

    async def speak(key: Key, name: str, leave: asyncio.Event) -> None:
        async with threads.alone(key):
            order.append(f"{name} begins")
            await leave.wait()
        order.append(f"{name} ends")

    first, second, other = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(speak(A, "first", first))
        group.create_task(speak(A, "second", second))
        gone = group.create_task(speak(A, "gone", second))
        group.create_task(speak(B, "other", other))
        await asyncio.sleep(0.01)
        assert order == ["first begins", "other begins"]
        gone.cancel()
        second.set()
        other.set()
        first.set()
    assert order == [
        "first begins",
        "other begins",
        "other ends",
        "first ends",
        "second begins",
        "second ends",
    ] or (order.index("first ends") < order.index("second begins"))
    async with asyncio.timeout(1), threads.alone(A):
        pass


async def test_nobody_waits_for_ever_for_a_turn(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_module, "TURN_TIMEOUT", 0.02)
    async with threads.alone(A):
        for _ in range(2):
            with pytest.raises(BusyError, match=r"still being answered after 0\.02 s"):
                async with threads.alone(A):
                    pytest.fail("two at once")
        async with threads.alone(B):
            pass
    async with threads.alone(A):
        pass


# -- a database that is away


async def test_a_locked_database_is_done_without_and_comes_back(
    threads: Threads, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await threads.remember(A, "q", "a")
    monkeypatch.setattr(threads_module, "STORE_TIMEOUT", 0.05)
    monkeypatch.setattr(threads_module, "OPEN_TIMEOUT", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    async with watched(threads):
        with pytest.raises(ForgetfulError, match=r"no answer in 0\.05 s"):
            await threads.remember(A, "q2", "a2")
        assert threads.trouble is not None
        began_at = asyncio.get_running_loop().time()
        for _ in range(50):
            with pytest.raises(ForgetfulError):
                await threads.recall(A)
        assert asyncio.get_running_loop().time() - began_at < 2, "nobody waits for what is away"
        other.execute("ROLLBACK")
        other.close()
        monkeypatch.setattr(threads_module, "STORE_TIMEOUT", 20.0)
        monkeypatch.setattr(threads_module, "OPEN_TIMEOUT", 20.0)
        await until(lambda: threads.trouble is None, timeout=20, what="the database")
        await threads.remember(A, "q3", "a3")
        assert (await texts(threads, A))[-2:] == ["q3", "a3"]
    told = [record.getMessage() for record in caplog.records if record.name == "service.threads"]
    assert told == ["the database is away, conversations are not remembered", "the database is back"]


async def test_a_database_that_is_not_there_at_the_start(
    path: Path, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    store = Store(f"sqlite:///{tmp_path / 'file' / 'service.db'}")
    threads = Threads(store, limits=LIMITS, clock=lambda: clock.now)
    await threads.open()
    assert threads.trouble is not None
    assert "cannot be made" in threads.trouble
    with pytest.raises(ForgetfulError, match="cannot be made"):
        await threads.recall(A)
    async with watched(threads):
        (tmp_path / "file").unlink()
        await until(lambda: threads.trouble is None, timeout=20, what="the database")
        await threads.remember(A, "q", "a")
        assert await texts(threads, A) == ["q", "a"]
    store.close()


async def test_a_file_that_is_taken_away_is_made_anew(threads: Threads, path: Path) -> None:
    await threads.remember(A, "q", "a")
    async with watched(threads):
        for file in path.parent.glob("service.db*"):
            file.unlink()
        with pytest.raises(ForgetfulError):
            await threads.remember(A, "q", "a")
        await until(lambda: threads.trouble is None, timeout=20, what="the database")
        await threads.remember(A, "new", "life")
        assert await texts(threads, A) == ["new", "life"]


class _Hanging:
    """A store whose calls end when they are let go."""

    place = "nowhere"

    def __init__(self) -> None:
        self.go = threading.Event()

    def read(self, keys: Sequence[Key], **_: object) -> dict[Key, list[Message]]:
        self.go.wait(3)
        raise StoreError("nowhere: gone")

    def append(self, turns: Sequence[Turn], **_: object) -> None:
        self.go.wait(3)

    def open(self) -> None:
        self.go.wait(3)


async def test_ending_does_not_wait_for_a_database_that_hangs(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads_module, "STORE_TIMEOUT", 0.05)
    store = _Hanging()
    threads = Threads(store, limits=LIMITS, clock=lambda: clock.now)  # type: ignore[arg-type]
    with pytest.raises(ForgetfulError, match="no answer"):
        await threads.remember(A, "q", "a")
    async with asyncio.timeout(1):
        await threads.aclose()
    store.go.set()
    await threads.aclose()
    await threads.aclose()


async def test_tidying_goes_on_by_itself(
    threads: Threads, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads_module, "TIDY_INTERVAL", 0.02)
    await threads.remember(A, "q", "a")
    async with watched(threads):
        await until(lambda: threads.n_threads == 1, timeout=20, what="a count")
        clock.pass_by(3_600)
        await until(lambda: threads.n_threads == 0, timeout=20, what="tidying")
