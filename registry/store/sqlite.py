"""The registry's tables in a SQLite file."""

from __future__ import annotations

import functools
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import ConnectionPoolEntry

from registry.store.database import first_line
from registry.store.errors import StoreError
from registry.store.file_lock import FileLock
from registry.store.keeper_lock import KeeperLock
from registry.store.moments import moment_text
from registry.store.rows import Values
from registry.store.tables import AGENTS, columns_of

_BUSY_TIMEOUT = 5.0
"""Seconds to wait for another program's write. The URL may say otherwise: ``sqlite:////path?timeout=1``."""

_MAX_PORTION = 128
"""Rows in one statement, a power of two. SQLite takes 32,766 parameters, which are 642 agents."""

_WAYS_OUT = {
    sqlite3.SQLITE_BUSY: "another program holds its lock; let that program finish or end it",
    sqlite3.SQLITE_LOCKED: "another program holds its lock; let that program finish or end it",
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written; see whether it is full, at its quota or broken",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; put a copy back, or move it away for an empty one",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; move it away for an empty one, or name another",
    sqlite3.SQLITE_READONLY: "it cannot be written; see who owns the file and its folder, and their permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; see whether the folder is there and this user may write to it",
    sqlite3.SQLITE_PERM: "it cannot be opened; see who owns the file and its folder, and their permissions",
}

# The parameter `heard` is a list of pairs, as JSON text. json_extract and not ->>, which came only with SQLite 3.38.
_heard = sa.func.json_each(sa.bindparam("heard", type_=sa.Text)).table_valued("value", name="heard")
_TOUCH = (
    sa.update(AGENTS)
    .values(lastHeartbeat=sa.type_coerce(sa.func.json_extract(_heard.c.value, "$[1]"), sa.Text))
    .where(AGENTS.c.agentId == sa.func.json_extract(_heard.c.value, "$[0]"))
)


def sqlite_url(path: Path) -> str:
    """URL of a SQLite file, made if it is not there: the file for its owner only, and likewise its folder.

    Raises:
        StoreError: The folder or the file cannot be made.
    """
    path = path.absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its other files the same mode
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StoreError(
            f"SQLite {path}: it cannot be made or written ({why}); see who owns the file and its folder, "
            "or set DATABASE_URL"
        ) from error
    return sa.URL.create("sqlite", database=str(path)).render_as_string()


class SqliteDatabase:
    """A `Database` in one file.

    Rows go in with few, large statements. The driver gives up Python's lock for each row that a statement of
    one row steps through, and beside a busy event loop has to wait 5 ms to get it back: 200 agents took
    1.6 s by `executemany`, and take 35 ms so (measured with a thread that never pauses).

    Raises:
        StoreError: The URL names no file.
    """

    def __init__(self, url: sa.URL) -> None:
        if url.database in (None, "", ":memory:") or url.database.startswith("file:"):
            raise StoreError("SQLite needs a file here, one that lasts; like sqlite:////var/lib/registry.db")
        self._path = Path(url.database).absolute()
        self.place = f"SQLite {self._path}"
        url = url.set(
            drivername="sqlite",
            database=str(self._path),
            query={"timeout": str(_BUSY_TIMEOUT), **url.query},
        )
        self.engine = sa.create_engine(url, hide_parameters=True, max_overflow=27, pool_timeout=10)
        sa.event.listen(self.engine, "connect", _prepare)
        sa.event.listen(self.engine, "begin", _begin)

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> None:
        _insert(connection, table, rows, _upsert_sql)

    def append(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> None:
        _insert(connection, table, rows, _append_sql)

    def add_missing(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> int:
        return _insert(connection, table, rows, _add_missing_sql)

    def touch(self, connection: sa.Connection, heard: Sequence[tuple[str, datetime]]) -> None:
        pairs = [(agent_id, moment_text(at)) for agent_id, at in heard]
        connection.execute(_TOUCH, {"heard": msgspec.json.encode(pairs).decode()})

    def lock_for_migration(self, connection: sa.Connection) -> None:
        """Nothing: a transaction that writes is alone in the file from its begin."""

    def keeper_lock(self) -> KeeperLock:
        return FileLock(self._path.with_name(f"{self._path.name}.keeper"))

    def explain(self, error: sa.exc.DBAPIError) -> str:
        cause = error.orig
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the upper bits tell kinds of one error apart
        said = first_line(cause) if cause is not None else "no reason given"
        if "no such table" in said:
            return f"{said}: the file was replaced or never set up; start the registry again"
        return f"{_WAYS_OUT.get(code, 'it refused')} ({said})"

    def check(self) -> None:
        if not self._path.exists():  # connections that are open go on with a file that has no name any more
            self.engine.dispose()
            raise StoreError(f"{self.place}: the file is gone; start the registry again to have a new one")


def _insert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Values],
    statement: Callable[[sa.Table, int], str],
) -> int:
    """Returns how many rows were written."""
    return sum(
        connection.exec_driver_sql(
            statement(table, len(portion)), tuple(chain.from_iterable(portion))
        ).rowcount
        for portion in _portions(rows)
    )


def _portions(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    """Cut into powers of two, so that a few statements fit all numbers of rows and stay prepared."""
    start = 0
    while left := len(rows) - start:
        size = min(_MAX_PORTION, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


@functools.cache
def _upsert_sql(table: sa.Table, n_rows: int) -> str:
    statement = sqlite.insert(table).values(dict.fromkeys(columns_of(table)))
    updates = {name: statement.excluded[name] for name in columns_of(table) if name not in table.primary_key}
    return _compiled(
        statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=updates), n_rows
    )


@functools.cache
def _append_sql(table: sa.Table, n_rows: int) -> str:
    return _compiled(sqlite.insert(table).values(dict.fromkeys(columns_of(table))), n_rows)


@functools.cache
def _add_missing_sql(table: sa.Table, n_rows: int) -> str:
    statement = sqlite.insert(table).values(dict.fromkeys(columns_of(table)))
    return _compiled(statement.on_conflict_do_nothing(index_elements=list(table.primary_key)), n_rows)


def _compiled(statement: sa.Insert, n_rows: int) -> str:
    """With a question mark for each value, row by row, in the order of the table's columns."""
    text = str(statement.compile(dialect=sqlite.dialect()))
    # SQLAlchemy can compile many rows itself; for 128 agents it takes 0.1 s.
    start = text.index(" VALUES (") + len(" VALUES ")
    end = text.index(")", start) + 1
    return text[:start] + ", ".join([text[start:end]] * n_rows) + text[end:]


def _prepare(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    """Set a new connection up."""
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    # With a write-ahead log, NORMAL does not wait for the disk at each commit. What is committed survives the
    # end of this process, kill -9 too, because the system holds it. A power cut or a crash of the system may
    # lose the commits of the last seconds, never the file. Those agents are gone then as well, or beat again.
    level = "NORMAL" if _use_wal(connection) else "FULL"
    connection.execute(f"PRAGMA synchronous = {level}")


def _use_wal(connection: sqlite3.Connection) -> bool:
    """Let readers and the writer not wait for each other. The file remembers it; some network disks cannot.

    SQLite does not wait for its busy timeout here when another process writes or makes the same switch.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return bool(mode == "wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.02)


def _begin(connection: sa.Connection) -> None:
    # A writer that first reads would be refused, without waiting, when another one came in between.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
