"""What only a file can suffer from."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from registry.records import AgentRow
from registry.store import Store, StoreError, sqlite_url
from tests.registry.store.samples import NOW, agent, agent_saying, change

needs_a_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "registry.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(f"{sqlite_url(path)}?timeout=0.1")
    store.migrate()
    yield store
    store.close()


@contextmanager
def files_at_most(n_bytes: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def read(url: str) -> list[AgentRow]:
    with closing(Store(url)) as store:
        return store.load()


def migrate(url: str) -> None:
    with closing(Store(url)) as store:
        store.migrate()


def test_only_its_owner_may_read_the_file(path: Path, store: Store) -> None:
    store.save([agent()], [])
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["registry.db", "registry.db-shm", "registry.db-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "#1.db", "ünï.db", "a%20b.db"])
def test_any_file_name_does(tmp_path: Path, name: str) -> None:
    migrate(sqlite_url(tmp_path / name))
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert read(sqlite_url(tmp_path / name)) == []


def test_a_file_that_is_there_keeps_its_content(path: Path, store: Store) -> None:
    store.save([agent()], [])
    assert read(sqlite_url(path)) == [agent()]


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?uri=true"]
)
def test_a_database_that_does_not_last_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="needs a file"):
        Store(url)


def test_what_was_saved_survives_the_process_without_close(path: Path, store: Store) -> None:
    store.save([agent()], [change()])
    crashed = path.with_name("copy.db")
    for suffix in ("", "-wal"):  # what kill -9 leaves on the disk
        crashed.with_name(crashed.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    assert read(sqlite_url(crashed)) == [agent()]


def test_a_writer_that_does_not_end_is_told_and_waited_out(path: Path, store: Store) -> None:
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        calls: list[Callable[[], None]] = [
            lambda: store.save([agent()], []),
            lambda: store.touch([("bob", NOW)]),
            store.migrate,
        ]
        for call in calls:
            with pytest.raises(StoreError, match=r"registry\.db: another program holds its lock"):
                call()
        assert store.load() == []  # readers do not wait
        other.execute("COMMIT")
    other.close()
    store.save([agent()], [])
    assert store.load() == [agent()]


def test_a_full_disk_is_told_and_ends(path: Path, store: Store) -> None:
    store.save([agent()], [])
    big = [agent_saying(agent_id=str(number), prompt="x" * 30_000) for number in range(20)]
    with files_at_most(path.with_name(path.name + "-wal").stat().st_size + 100_000):
        for _ in range(2):
            with pytest.raises(StoreError, match=r"registry\.db: the disk .*full"):
                store.save(big, [])
            assert store.load() == [agent()]
    store.save(big, [])
    assert len(store.load()) == 21


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look like one\n" * 100], ids=["text"]
)
def test_a_file_of_another_kind_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"notes\.txt: the file is no SQLite database"):
        migrate(sqlite_url(path))
    assert path.read_bytes() == content


def test_a_damaged_file_is_told(path: Path, store: Store) -> None:
    store.save([agent(str(number)) for number in range(500)], [])
    store.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 3 :] = os.urandom(len(damaged) - 4096 * 3)
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match="the file is damaged"):
        read(sqlite_url(path))


def test_a_file_that_is_gone_is_noticed(path: Path, store: Store) -> None:
    store.ping()
    path.unlink()
    with pytest.raises(StoreError, match="the file is gone"):
        store.ping()


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be made or written.*DATABASE_URL"):
        sqlite_url(tmp_path / "file" / "registry.db")
    with pytest.raises(StoreError, match="it cannot be opened"):
        migrate(f"sqlite:///{tmp_path}/nowhere/registry.db")


@needs_a_user
def test_a_folder_or_a_file_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    url = sqlite_url(folder / "registry.db")
    folder.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be made or written"):
        sqlite_url(folder / "other.db")
    with pytest.raises(StoreError, match=r"it cannot be (opened|written)"):
        migrate(url)
    folder.chmod(0o700)
    (folder / "registry.db").chmod(0o400)
    with pytest.raises(StoreError, match=r"it cannot be (opened|written)"):
        migrate(url)
