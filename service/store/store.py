"""What was said in conversations, across restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from service.store.database import Database
from service.store.errors import StoreError
from service.store.migrate import migrate
from service.store.postgres import PostgresDatabase
from service.store.records import Key, Limits, Message, Turn
from service.store.sqlite import SqliteDatabase
from service.store.statements import Statements

_TOLERATED = 100
"""One in so many threads may be too many until they are tidied up: to find whose it is, all are looked at."""


class Store:
    """Conversations in a database. Blocks; may be used from several threads.

    Nothing is opened before the first call. After a failure the next call tries anew, with a new connection where
    the old one was lost. Every call raises `StoreError` when the database does not do it.

    Args:
        url: ``sqlite:////path/file.db`` or ``postgresql://user:password@host/name``. What follows a ``?`` goes to
            the driver.

    Raises:
        StoreError: The URL cannot be read, or the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._database = _choose(url)
        self._statements = Statements(self._database)

    @property
    def place(self) -> str:
        """For people, without user name and password."""
        return self._database.place

    def open(self) -> None:
        """Make or update the tables. May be called again at any time, by any number of processes.

        Raises:
            StoreError: Also when the tables are newer than this program.
        """
        with self._transaction(writes=True) as connection:
            migrate(connection, place=self.place)

    def read(self, keys: Sequence[Key], *, since: datetime, most: int) -> dict[Key, list[Message]]:
        """The last messages of threads, the oldest first.

        Args:
            keys: Those that are not there are left out of the answer.
            since: Threads that were not heard after it are as good as not there.
            most: Messages of one thread.
        """
        if not keys:
            return {}
        values = {"rows": _as_json(list(set(keys))), "since": since, "most": most}
        with self._transaction(writes=False) as connection:
            found = connection.execute(self._statements.read, values).scalar()
        threads: dict[Key, list[Message]] = {}
        for owner, thread_id, _, role, content in sorted(_rows(found), key=_number):
            threads.setdefault(Key(owner, thread_id), []).append(Message(role, content))
        return threads

    def append(self, turns: Sequence[Turn], *, limits: Limits, now: datetime) -> None:
        """Keep what was said, in one transaction; what is well beyond the limits goes.

        A thread that was silent for too long begins anew.
        """
        if not turns:
            return
        # In the order of the keys, so that two processes on one database lock them in the same order.
        comes = Counter(turn.key for turn in turns)
        touched = [(*key, 2 * comes[key]) for key in sorted(comes)]
        statements = self._statements
        with self._transaction(writes=True) as connection:
            connection.execute(statements.expire, {"before": now - limits.ttl})
            connection.execute(statements.touch, {"rows": _as_json(touched), "now": now})
            found = connection.execute(statements.find, {"rows": _as_json(touched)}).scalar()
            threads = {Key(owner, thread_id): (row_id, n) for row_id, owner, thread_id, n in _rows(found)}
            added = _messages(turns, threads, comes)
            connection.execute(statements.add, {"rows": _as_json(added), "now": now})
            if too_long := [(row_id,) for row_id, n in threads.values() if n > limits.messages]:
                connection.execute(statements.trim, {"rows": _as_json(too_long), "most": limits.messages})
            has_new = any(n == 2 * comes[key] for key, (_, n) in threads.items())
            if has_new:
                self._shrink(connection, limits.threads, tolerated=limits.threads // _TOLERATED)

    def tidy(self, *, limits: Limits, now: datetime) -> int:
        """Delete threads that are beyond the limits. Returns how many are left."""
        with self._transaction(writes=True) as connection:
            connection.execute(self._statements.expire, {"before": now - limits.ttl})
            return self._shrink(connection, limits.threads)

    def _shrink(self, connection: sa.Connection, most: int, *, tolerated: int = 0) -> int:
        """Delete threads beyond `most`, when they are more than `tolerated`. Returns how many are left."""
        n_threads: int = connection.execute(self._statements.count).scalar_one()
        if n_threads <= most + tolerated:
            return n_threads
        connection.execute(self._statements.shrink, {"most": most})
        return connection.execute(self._statements.count).scalar_one()

    def close(self) -> None:
        """Close all connections. May be called twice."""
        self._database.engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        database = self._database
        try:
            database.check()
            with (
                database.engine.connect().execution_options(writes=writes) as connection,
                connection.begin(),
            ):
                yield connection
        except sa.exc.DBAPIError as error:
            raise StoreError(f"{database.place}: {database.explain(error)}") from error
        except sa.exc.TimeoutError as error:
            raise StoreError(
                f"{database.place}: too many calls at once, all connections are in use; try again"
            ) from error


def _choose(url: str) -> Database:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StoreError(
            "the database's URL cannot be read; DATABASE_URL must be like postgresql://user:password@host/name "
            "(special characters as %40) or sqlite:////path/file.db"
        ) from error
    kind = parsed.drivername.partition("+")[0]
    if kind == "sqlite":
        return SqliteDatabase(parsed)
    if kind in ("postgresql", "postgres"):
        return PostgresDatabase(parsed)
    raise StoreError(
        f"{kind} is no database for the agent service; DATABASE_URL takes postgresql:// and sqlite:///"
    )


def _messages(
    turns: Sequence[Turn], threads: dict[Key, tuple[int, int]], comes: Counter[Key]
) -> list[tuple[int, int, str, str]]:
    """Rows of messages: thread, number, role, content."""
    numbers = {key: n - 2 * comes[key] for key, (_, n) in threads.items()}
    rows = []
    for turn in turns:
        thread, _ = threads[turn.key]
        number = numbers[turn.key]
        rows.append((thread, number + 1, "user", turn.question))
        rows.append((thread, number + 2, "assistant", turn.answer))
        numbers[turn.key] = number + 2
    return rows


def _as_json(rows: Sequence[Sequence[object]]) -> str:
    return msgspec.json.encode(rows).decode()


def _rows(text: str | None) -> list[Any]:
    return [] if text is None else msgspec.json.decode(text)


def _number(row: Sequence[Any]) -> int:
    number: int = row[2]
    return number
