"""One of several registries holds the keeper's lock, and loses it with its process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from registry.store import KeeperLock, Store
from stack.until import until

_REGISTRY = """
import sys
from registry.store import Store
lock = Store(sys.argv[1]).keeper_lock()
print(lock.try_acquire(), flush=True)
sys.stdin.readline()
"""


@contextmanager
def registry(url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that tries to take the lock, and whether it could."""
    process = subprocess.Popen(
        [sys.executable, "-c", _REGISTRY, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture
def lock(store: Store) -> Iterator[KeeperLock]:
    lock = store.keeper_lock()
    yield lock
    lock.release()


@pytest.fixture
def other(url: str) -> Iterator[KeeperLock]:
    store = Store(url)
    other = store.keeper_lock()
    yield other
    other.release()
    store.close()


def soon(lock: KeeperLock) -> None:
    asyncio.run(until(lambda: lock.try_acquire() or None, timeout=20, what="the lock"))


def test_a_new_lock_is_not_held(lock: KeeperLock) -> None:
    assert not lock.is_held()
    lock.release()


def test_another_process_cannot_take_it(url: str, lock: KeeperLock) -> None:
    assert lock.try_acquire()
    with registry(url) as (_, could):
        assert could == "False"
    assert lock.is_held()


def test_it_can_be_taken_soon_after_its_holder_was_killed(url: str, lock: KeeperLock) -> None:
    with registry(url) as (process, could):
        assert could == "True"
        assert not lock.try_acquire()
        assert not lock.is_held()
        process.kill()
        soon(lock)
    assert lock.is_held()


def test_it_can_be_taken_as_soon_as_it_was_released(lock: KeeperLock, other: KeeperLock) -> None:
    for _ in range(3):
        assert lock.try_acquire()
        assert not other.try_acquire()
        lock.release()
        assert not lock.is_held()
        assert other.try_acquire()
        other.release()


def test_one_release_is_enough_however_often_it_was_taken(lock: KeeperLock, other: KeeperLock) -> None:
    assert lock.try_acquire()
    assert lock.try_acquire()
    lock.release()
    lock.release()
    assert other.try_acquire()


def test_two_holders_in_one_process_exclude_each_other(store: Store, lock: KeeperLock) -> None:
    second = store.keeper_lock()
    assert lock.try_acquire()
    assert not second.try_acquire()
    second.release()
    assert lock.is_held()


def test_it_does_not_stand_in_the_way_of_the_store(store: Store, lock: KeeperLock) -> None:
    assert lock.try_acquire()
    store.migrate()
    store.ping()
    store.close()
    assert lock.is_held()
