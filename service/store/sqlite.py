"""Conversations in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeEngine

from service.store.database import first_line
from service.store.errors import StoreError

_BUSY_TIMEOUT = 2.0
"""Seconds to wait for another program's write. The URL may say otherwise: ``sqlite:////path?timeout=1``."""

_LOCKED = "another program holds its lock; let that program finish or end it"
_WAYS_OUT = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written; see whether it is full, at its quota or broken",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; put a copy back, or move it away for an empty one",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; move it away for an empty one, or name another",
    sqlite3.SQLITE_READONLY: "it cannot be written; see who owns the file and its folder, and their permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; see whether the folder is there and this user may write to it",
    sqlite3.SQLITE_PERM: "it cannot be opened; see who owns the file and its folder, and their permissions",
}


def sqlite_url(path: Path) -> str:
    """URL of a SQLite file. The store makes it, for its owner only, when it is not there."""
    return sa.URL.create("sqlite", database=str(path.absolute())).render_as_string()


class SqliteDatabase:
    """A `Database` in one file.

    Raises:
        StoreError: The URL names no file.
    """

    def __init__(self, url: sa.URL) -> None:
        if url.database in (None, "", ":memory:") or url.database.startswith("file:"):
            raise StoreError("SQLite needs a file here, one that lasts; like sqlite:////var/lib/service.db")
        self._path = Path(url.database).absolute()
        self.place = f"SQLite {self._path}"
        self.given = _Given()
        url = url.set(
            drivername="sqlite",
            database=str(self._path),
            query={"timeout": str(_BUSY_TIMEOUT), **url.query},
        )
        self.engine = sa.create_engine(url, hide_parameters=True, pool_timeout=5)
        sa.event.listen(self.engine, "connect", _prepare)
        sa.event.listen(self.engine, "begin", _begin)

    def insert(self, table: sa.Table) -> sqlite.Insert:
        return sqlite.insert(table)

    def as_json(self, rows: sa.Subquery) -> sa.Select[str | None]:
        return sa.select(sa.func.json_group_array(sa.func.json_array(*rows.c), type_=sa.Text))

    def explain(self, error: sa.exc.DBAPIError) -> str:
        cause = error.orig
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the upper bits tell kinds of one error apart
        said = first_line(cause) if cause is not None else "no reason given"
        return f"{_WAYS_OUT.get(code, 'it refused')} ({said})"

    def check(self) -> None:
        """A file that is not there is made, with its folder: for its owner only."""
        if self._path.exists():
            return
        self.engine.dispose()  # connections that are open go on with a file that has no name any more
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(
                os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            )  # SQLite gives its other files this mode
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise StoreError(
                f"{self.place}: it cannot be made or written ({why}); see who owns the file and its folder, "
                "or set DATABASE_URL"
            ) from error


class _Given:
    def __init__(self) -> None:
        rows = sa.func.json_each(sa.bindparam("rows", type_=sa.Text))
        self._rows = rows.table_valued("value", name="given")

    def column(self, index: int, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> sa.ColumnElement[Any]:
        # json_extract and not ->>, which came only with SQLite 3.38.
        return sa.type_coerce(sa.func.json_extract(self._rows.c.value, f"$[{index}]"), kind)


def _prepare(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    """Set a new connection up."""
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    # With a write-ahead log, NORMAL does not wait for the disk at each commit. What is committed survives the end of
    # this process, kill -9 too. A power cut may lose the answers of the last seconds, never the file.
    level = "NORMAL" if _use_wal(connection) else "FULL"
    connection.execute(f"PRAGMA synchronous = {level}")
    connection.execute("PRAGMA foreign_keys = ON")  # messages go with their thread


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
