"""The keeper's lock on a PostgreSQL server: one that ends with the connection that took it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from registry.store.errors import StoreError

_LOCK = 1_645_382_011  # any number that no other program takes
_KEY = (_LOCK, sa.func.hashtext(sa.func.coalesce(sa.func.current_schema(), "")))
"""Two fleets in two schemas of one database have a keeper each."""

_TAKE = sa.select(sa.func.pg_try_advisory_lock(*_KEY))
_GIVE_UP = sa.select(sa.func.pg_advisory_unlock(*_KEY))

_TIME_LIMIT = 2.0
"""Seconds for the server's answer. A healthy one answers in a millisecond."""

_SESSION = sa.text(
    """
    SELECT set_config(name, value, false)
    FROM (VALUES ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
                 ('tcp_user_timeout', '10000'), ('idle_session_timeout', '0')) AS wanted (name, value)
    WHERE current_setting(name, true) IS NOT NULL
    """
)
"""The server looks after the holder: one whose host is gone without a word loses the lock after 11 s, not after
two hours. And it does not close the connection because it is quiet. Older servers do not know all of them."""


class PostgresLock:
    """A `KeeperLock` on a connection of its own, which has no other use.

    A pooler in between that lends connections by the transaction (PgBouncer's `transaction` mode) breaks it:
    the lock would stay on a connection that others use.

    Args:
        url: As the driver takes it.
        place: Names the database in errors.
        explain: Says what an error means.
    """

    def __init__(self, url: sa.URL, *, place: str, explain: Callable[[sa.exc.DBAPIError], str]) -> None:
        self._engine = sa.create_engine(
            url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
        )
        self._place = place
        self._explain = explain
        self._connection: sa.Connection | None = None
        self._calls = threading.Lock()

    def try_acquire(self) -> bool:
        with self._calls:
            if self._is_held():
                return True
            try:
                connection = self._engine.connect()
            except sa.exc.DBAPIError as error:
                raise self._trouble(error) from error
            try:
                with _time_limit(connection):
                    connection.execute(_SESSION)
                    is_taken = bool(connection.execute(_TAKE).scalar_one())
            except sa.exc.DBAPIError as error:
                _drop(connection)
                raise self._trouble(error) from error
            if is_taken:
                self._connection = connection
            else:
                _drop(connection)
            return is_taken

    def is_held(self) -> bool:
        with self._calls:
            return self._is_held()

    def release(self) -> None:
        with self._calls:
            if self._connection is None:
                return
            # The server would also notice that the connection is closed, but some moments later.
            with suppress(sa.exc.DBAPIError), _time_limit(self._connection):
                self._connection.execute(_GIVE_UP)
            self._drop()

    def _is_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            with _time_limit(self._connection):
                self._connection.execute(sa.select(1))
        except sa.exc.DBAPIError:
            self._drop()
            return False
        return True

    def _drop(self) -> None:
        if self._connection is not None:
            _drop(self._connection)
            self._connection = None

    def _trouble(self, error: sa.exc.DBAPIError) -> StoreError:
        return StoreError(f"{self._place}: {self._explain(error)}")


def _drop(connection: sa.Connection) -> None:
    """Close it, without asking the server for anything more."""
    connection.invalidate()
    connection.close()


@contextmanager
def _time_limit(connection: sa.Connection) -> Iterator[None]:
    """Cut `connection` if the block takes too long: its query then fails.

    The driver waits without limit for a server that hangs, and a system that still acknowledges what it gets
    keeps the connection open for it.
    """
    driver = connection.connection.driver_connection
    if driver is None or driver.closed:
        yield  # the query will say so
        return
    line = socket.socket(fileno=os.dup(driver.fileno()))

    def cut() -> None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_TIME_LIMIT, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.close()
