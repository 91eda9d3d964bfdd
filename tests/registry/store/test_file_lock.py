"""What only a lock on a file can suffer from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.store import KeeperLock, Store, StoreError, sqlite_url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the file that is locked."""
    return tmp_path / "registry.db.keeper"


@pytest.fixture
def lock(path: Path) -> Iterator[KeeperLock]:
    lock = Store(sqlite_url(path.with_name("registry.db"))).keeper_lock()
    yield lock
    lock.release()


def test_its_file_is_for_its_owner_only(path: Path, lock: KeeperLock) -> None:
    assert lock.try_acquire()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b""


def test_whose_file_is_gone_holds_it_no_more(path: Path, lock: KeeperLock) -> None:
    assert lock.try_acquire()
    path.unlink()
    assert not lock.is_held()
    assert lock.try_acquire()
    assert lock.is_held()


def test_whose_file_was_replaced_holds_it_no_more(path: Path, lock: KeeperLock) -> None:
    assert lock.try_acquire()
    path.unlink()
    other = Store(sqlite_url(path.with_name("registry.db"))).keeper_lock()
    assert other.try_acquire()
    assert not lock.is_held()
    assert not lock.try_acquire()
    other.release()


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    lock = Store(f"sqlite:///{tmp_path}/nowhere/registry.db").keeper_lock()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"registry\.db\.keeper: it cannot be locked .*see who owns it"):
            lock.try_acquire()
        assert not lock.is_held()
