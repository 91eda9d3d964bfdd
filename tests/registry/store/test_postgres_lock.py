"""What only a lock on a server can suffer from."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.store import KeeperLock, Store, StoreError
from stack.postgres import PostgresServer
from stack.until import until

_SOCKETS = Path("/proc/net/tcp")

_HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
def lock(store: Store) -> Iterator[KeeperLock]:
    lock = store.keeper_lock()
    yield lock
    lock.release()


def ask(engine: sa.Engine, question: str) -> object:
    with engine.connect() as connection:
        return connection.execute(sa.text(question)).scalar_one_or_none()


def test_who_is_disconnected_by_the_server_holds_it_no_more(
    store: Store, lock: KeeperLock, other_program: sa.Engine
) -> None:
    assert lock.try_acquire()
    pid = ask(other_program, _HOLDER)
    ask(other_program, f"SELECT pg_terminate_backend({pid}, 5000)")
    assert not lock.is_held()
    other = store.keeper_lock()
    assert other.try_acquire()
    assert not lock.try_acquire()
    other.release()
    assert lock.try_acquire()


def test_a_lost_lock_is_taken_anew_without_asking_whether_it_is_held(
    lock: KeeperLock, other_program: sa.Engine
) -> None:
    assert lock.try_acquire()
    pid = ask(other_program, _HOLDER)
    ask(other_program, f"SELECT pg_terminate_backend({pid}, 5000)")
    assert lock.try_acquire()
    assert lock.is_held()


def test_a_server_that_hangs_is_not_waited_for(
    store: Store, lock: KeeperLock, other_program: sa.Engine
) -> None:
    assert lock.try_acquire()
    pid = ask(other_program, _HOLDER)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert not lock.is_held()
        assert not store.keeper_lock().try_acquire()  # it is, as far as the server knows
    finally:
        os.kill(pid, signal.SIGCONT)
    asyncio.run(until(lambda: lock.try_acquire() or None, timeout=20, what="the lock"))


def test_it_is_lost_with_the_server_and_can_be_taken_from_the_next(
    lock: KeeperLock, postgres: PostgresServer
) -> None:
    assert lock.try_acquire()
    asyncio.run(postgres.stop())
    try:
        assert not lock.is_held()
        with pytest.raises(StoreError, match="cannot be reached"):
            lock.try_acquire()
        lock.release()
    finally:
        asyncio.run(postgres.start())
    assert lock.try_acquire()


@pytest.mark.skipif(
    not _SOCKETS.exists(), reason="only Linux tells when it will ask the other end of a connection"
)
def test_the_server_soon_asks_whether_the_host_of_the_holder_lives(
    lock: KeeperLock, other_program: sa.Engine, postgres: PostgresServer
) -> None:
    assert lock.try_acquire()
    client_port = ask(other_program, f"SELECT client_port FROM pg_stat_activity WHERE pid = ({_HOLDER})")
    ends = [f":{postgres.port:04X}", f":{client_port:04X}"]

    def seconds_to_question() -> float | None:
        """By the kernel's proc_net_tcp.rst; None = an answer is still on its way, which has a timer too."""
        for fields in map(str.split, _SOCKETS.read_text().splitlines()):
            if [field[-5:] for field in fields[1:3]] == ends and fields[5].startswith("02:"):
                return int(fields[5][3:], 16) / 100
        return None

    assert asyncio.run(until(seconds_to_question, timeout=20, what="an answer to be taken")) <= 5


def test_two_schemas_of_one_database_have_a_keeper_each(
    url: str, lock: KeeperLock, other_program: sa.Engine
) -> None:
    with other_program.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS second"))
    store = Store(f"{url}?options=-csearch_path%3Dsecond")
    second = store.keeper_lock()
    assert lock.try_acquire()
    assert second.try_acquire()
    second.release()
    store.close()


def test_a_wrong_password_is_told_and_not_shown(url: str, postgres: PostgresServer) -> None:
    lock = Store(url.replace(postgres.password, "s3cret")).keeper_lock()
    with pytest.raises(StoreError, match="the password is wrong") as caught:
        lock.try_acquire()
    assert "s3cret" not in str(caught.value)
