"""Conversations in PostgreSQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from service.store.database import first_line
from service.store.errors import StoreError

_DEFAULTS = {
    "application_name": "roomkeeper-service",
    "connect_timeout": "3",
    # A host that is gone without a word is noticed after 5 s, not after the system's quarter of an hour.
    "tcp_user_timeout": "5000",
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
}
"""libpq's parameters, unless the URL says otherwise."""

_SESSION = """
SET TIME ZONE 'UTC';
SELECT set_config('lock_timeout', '4s', false) WHERE current_setting('lock_timeout') = '0';
SELECT set_config('statement_timeout', '5s', false) WHERE current_setting('statement_timeout') = '0'
"""
"""A forgotten transaction of somebody else must hold up neither the service nor its end. The server's limits stay."""

_WAYS_OUT = {
    "28000": "this user may not come in; see the user name in DATABASE_URL and the server's pg_hba.conf",
    "28P01": "the password is wrong; see DATABASE_URL",
    "3D000": "the database is not there; create it, or see its name in DATABASE_URL",
    "42501": "this user may not do that; grant it the right to create tables in its schema",
    "25006": "it takes no writes; name the primary server, not a standby",
    "53100": "its disk is full; free some space",
    "53300": "it takes no more connections; raise its max_connections",
    "55P03": "another program holds a lock; let its transaction finish or end it",
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


class PostgresDatabase:
    """A `Database` on a server, through psycopg 3.

    Raises:
        StoreError: psycopg is not installed.
    """

    def __init__(self, url: sa.URL) -> None:
        host = url.host or url.query.get("host") or "local socket"
        port = "" if url.port is None else f":{url.port}"
        self.place = f"PostgreSQL {host}{port}/{url.database or ''}"
        self.given = _Given()
        url = url.set(drivername="postgresql+psycopg", query={**_DEFAULTS, **url.query})
        try:
            self.engine = sa.create_engine(url, hide_parameters=True, pool_timeout=5, pool_pre_ping=True)
        except ImportError as error:
            raise StoreError(
                f"{self.place}: its driver is not installed ({first_line(error)}); "
                "pip install 'psycopg[binary]>=3.2,<4'"
            ) from error
        sa.event.listen(self.engine, "connect", _prepare)

    def insert(self, table: sa.Table) -> postgresql.Insert:
        return postgresql.insert(table)

    def as_json(self, rows: sa.Subquery) -> sa.Select[str | None]:
        return sa.select(sa.cast(sa.func.json_agg(sa.func.json_build_array(*rows.c)), sa.Text))

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


class _Given:
    def __init__(self) -> None:
        rows = sa.cast(sa.bindparam("rows", type_=sa.Text), sa.JSON)
        self._row = sa.func.json_array_elements(rows).column_valued("given")

    def column(self, index: int, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> sa.ColumnElement[Any]:
        return sa.cast(self._row.op("->>")(sa.literal_column(str(index))), kind)


def _prepare(connection: Any, entry: sa.pool.ConnectionPoolEntry) -> None:
    """Set a new connection up. It is psycopg's, which may not be installed."""
    connection.execute(_SESSION)
    connection.commit()
