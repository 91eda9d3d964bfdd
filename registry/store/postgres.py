"""The registry's tables in PostgreSQL."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from registry.store.database import first_line
from registry.store.errors import StoreError
from registry.store.keeper_lock import KeeperLock
from registry.store.postgres_lock import PostgresLock
from registry.store.rows import Values
from registry.store.tables import AGENTS, columns_of, is_json

_DEFAULTS = {
    "application_name": "roomkeeper",
    "connect_timeout": "5",
    # A host that is gone without a word is noticed after 10 s, not after the system's quarter of an hour.
    "tcp_user_timeout": "10000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}
"""libpq's parameters, unless the URL says otherwise."""

_SESSION = """
SET TIME ZONE 'UTC';
SELECT set_config('lock_timeout', '5s', false) WHERE current_setting('lock_timeout') = '0';
SELECT set_config('statement_timeout', '120s', false) WHERE current_setting('statement_timeout') = '0'
"""
"""The first, because the driver answers in the session's time zone. The second, so that a forgotten
transaction of somebody else does not stop the registry for ever; a limit of the server's own or the URL's stays."""

_MIGRATION_LOCK = 7_066_726_947_386_942  # any number that no other program takes
_MIGRATION_TIMEOUT = "120s"

_MAX_PORTION = 256
"""Rows in one statement. Encoding them holds Python's lock for about a millisecond."""

_WAYS_OUT = {
    "28000": "this user may not come in; see the user name in DATABASE_URL and the server's pg_hba.conf",
    "28P01": "the password is wrong; see DATABASE_URL",
    "3D000": "the database is not there; create it, or see its name in DATABASE_URL",
    "42501": "this user may not do that; grant it the right to create tables in its schema",
    "25006": "it takes no writes; name the primary server, not a standby",
    "53100": "its disk is full; free some space",
    "53300": "it takes no more connections; raise its max_connections",
    "55P03": "another program holds a lock; let its transaction finish or end it",
    "40P01": "two programs waited for each other's locks; nothing was lost, try again",
    "42P01": "a table is not there; start the registry again",
    "57P03": "it is starting or stopping; wait",
}

_SENTENCES = {
    "password authentication failed": _WAYS_OUT["28P01"],
    "no password supplied": "it asks for a password; put one into DATABASE_URL",
    "pg_hba.conf": _WAYS_OUT["28000"],
    "role ": _WAYS_OUT["28000"],
    "does not exist": _WAYS_OUT["3D000"],
    "too many clients": _WAYS_OUT["53300"],
    "remaining connection slots": _WAYS_OUT["53300"],
    "starting up": _WAYS_OUT["57P03"],
    "shutting down": _WAYS_OUT["57P03"],
    "invalid connection option": "a parameter after the ? of DATABASE_URL is unknown; leave it out",
}
"""Of refused connections, which come without a code."""


def _given(table: sa.Table) -> sa.Select[Any]:
    """The rows in the parameter `rows`, a list of objects as JSON text.

    One parameter for all of them costs this process 10 µs an agent, where the driver's `executemany` costs 19,
    and heartbeats 3 instead of 11; beside a thread that never pauses it is also done in half the time
    (psycopg 3.3, 200 agents). The server reads it without Python's lock.
    """
    columns = [table.c[name] for name in columns_of(table)]
    parameter = sa.cast(sa.bindparam("rows", type_=sa.Text), sa.JSON)
    given = (
        sa.func.json_to_recordset(parameter)
        .table_valued(*(sa.column(c.name, sa.Text() if is_json(c) else c.type) for c in columns))
        .render_derived(name="given", with_types=True)
    )
    return sa.select(*(sa.cast(given.c[c.name], c.type) if is_json(c) else given.c[c.name] for c in columns))


@functools.cache
def _append(table: sa.Table) -> Insert:
    return insert(table).from_select(columns_of(table), _given(table))


@functools.cache
def _upsert(table: sa.Table) -> Insert:
    statement = _append(table)
    updates = {name: statement.excluded[name] for name in columns_of(table) if name not in table.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=updates)


@functools.cache
def _add_missing(table: sa.Table) -> Insert:
    statement = _append(table).on_conflict_do_nothing(index_elements=list(table.primary_key))
    return statement.execution_options(preserve_rowcount=True)  # of an insert it is not kept otherwise


# The parameter `heard` is a list of pairs, as JSON text.
_pairs = sa.cast(sa.bindparam("heard", type_=sa.Text), sa.JSON)
_pair = sa.func.json_array_elements(_pairs).column_valued("heard")
_TOUCH = (
    sa.update(AGENTS)
    .values(lastHeartbeat=sa.cast(_pair.op("->>")(1), AGENTS.c.lastHeartbeat.type))
    .where(AGENTS.c.agentId == _pair.op("->>")(0))
)


class PostgresDatabase:
    """A `Database` on a server, through psycopg 3.

    Raises:
        StoreError: psycopg is not installed, or the URL cannot be read.
    """

    def __init__(self, url: sa.URL) -> None:
        host = url.host or url.query.get("host") or "local socket"
        port = "" if url.port is None else f":{url.port}"
        self.place = f"PostgreSQL {host}{port}/{url.database or ''}"
        url = url.set(drivername="postgresql+psycopg", query={**_DEFAULTS, **url.query})
        try:
            self.engine = sa.create_engine(
                url, hide_parameters=True, max_overflow=15, pool_timeout=10, pool_pre_ping=True
            )
        except ImportError as error:
            raise StoreError(
                f"{self.place}: its driver is not installed ({first_line(error)}); "
                "pip install 'psycopg[binary]>=3.2,<4'"
            ) from error
        sa.event.listen(self.engine, "connect", _prepare)

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> None:
        _insert(connection, _upsert(table), table, rows)

    def append(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> None:
        _insert(connection, _append(table), table, rows)

    def add_missing(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> int:
        return _insert(connection, _add_missing(table), table, rows)

    def touch(self, connection: sa.Connection, heard: Sequence[tuple[str, datetime]]) -> None:
        connection.execute(_TOUCH, {"heard": msgspec.json.encode(heard).decode()})

    def lock_for_migration(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_MIGRATION_TIMEOUT}'")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))

    def keeper_lock(self) -> KeeperLock:
        return PostgresLock(self.engine.url, place=self.place, explain=self.explain)

    def explain(self, error: sa.exc.DBAPIError) -> str:
        cause = error.orig
        said = first_line(cause) if cause is not None else "no reason given"
        way_out = _WAYS_OUT.get(getattr(cause, "sqlstate", None) or "")
        if way_out is None:
            way_out = next((way for part, way in _SENTENCES.items() if part in str(cause)), None)
        if way_out is None and (error.connection_invalidated or isinstance(error, sa.exc.OperationalError)):
            way_out = "it cannot be reached; see whether it runs, and its host and port in DATABASE_URL"
        return f"{way_out or 'it refused'} ({said})"

    def check(self) -> None:
        """Nothing: a query asks the server itself."""


def _insert(connection: sa.Connection, statement: Insert, table: sa.Table, rows: Sequence[Values]) -> int:
    """Returns how many rows were written."""
    n_rows = 0
    for start in range(0, len(rows), _MAX_PORTION):
        objects = [
            dict(zip(columns_of(table), row, strict=True)) for row in rows[start : start + _MAX_PORTION]
        ]
        n_rows += connection.execute(statement, {"rows": msgspec.json.encode(objects).decode()}).rowcount
    return n_rows


def _prepare(connection: Any, entry: sa.pool.ConnectionPoolEntry) -> None:
    """Set a new connection up. It is psycopg's, which may not be installed."""
    connection.execute(_SESSION)
    connection.commit()
