"""The registry's memory across restarts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from registry.records import AgentRow, Change, Status
from registry.store.database import Database
from registry.store.errors import StoreError, UnstorableError
from registry.store.migrate import migrate
from registry.store.postgres import PostgresDatabase
from registry.store.rows import (
    READ_AGENTS,
    READ_CHANGES,
    agent_from,
    agent_values,
    change_from,
    change_values,
)
from registry.store.sqlite import SqliteDatabase
from registry.store.tables import AGENTS, CHANGES
from registry.store.texts import storable, with_storable_texts
from wire import Said

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_PRUNE_PORTION = 1_000
"""Rows in one transaction. Takes some milliseconds; a writer waits no longer than that."""

_PRUNE_PAUSE = 0.02
"""Seconds between two, in which a writer comes first."""

_OVER = (Status.STOPPED, Status.OFFLINE, Status.UNKNOWN)

_LAST_ID = 2**63 - 1  # the largest that either database can be asked for

# Built once: SQLAlchemy takes longer to build a statement than SQLite to answer it.
_HISTORY = (
    READ_CHANGES.where(CHANGES.c.agentId == sa.bindparam("agent"), CHANGES.c.id < sa.bindparam("before"))
    .order_by(CHANGES.c.id.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_REMOVE = sa.delete(AGENTS).where(AGENTS.c.agentId == sa.bindparam("agent"))
_PING = sa.select(AGENTS.c.agentId).limit(1)


class Store:
    """Agents and their history in a database. Blocks; may be used from several threads at once.

    Nothing is opened before the first call. After a failure the next call tries anew, with a new connection
    where the old one was lost. Every call raises `StoreError` when the database does not do it.

    Args:
        url: ``sqlite:////path/file.db`` or ``postgresql://user:password@host/name``. What follows a ``?``
            goes to the driver.

    Raises:
        StoreError: The URL cannot be read, or the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._database = _choose(url)
        self._writing = threading.Lock()  # SQLite has one writer, and waits for it by sleeping
        self._is_closed = False

    def migrate(self) -> None:
        """Make or update the tables. Any number of processes may do it at once.

        Raises:
            StoreError: Also when the tables are newer than this program.
        """
        with self._write() as connection:
            self._database.lock_for_migration(connection)
            migrate(connection, place=self._database.place)

    def save(self, rows: Sequence[AgentRow], changes: Sequence[Change], removed: Sequence[str] = ()) -> None:
        """Write agents over what is there of them, append changes, delete agents, in one transaction.

        Durable afterwards. Of several rows of one agent the last one counts.
        """
        if not rows and not changes and not removed:
            return
        try:
            self._save(rows, changes, [storable(agent_id) for agent_id in removed])
        except (UnstorableError, UnicodeEncodeError):
            # One bad text must not keep all others out, and would again at each new try.
            logger.warning(
                "texts that the database cannot hold were changed", extra={"action": "database.texts"}
            )
            self._save(
                [with_storable_texts(row) for row in rows],
                [with_storable_texts(c) for c in changes],
                [storable(agent_id) for agent_id in removed],
            )

    def touch(self, heard: Sequence[tuple[str, datetime]]) -> None:
        """Write when agents were last heard. Ids that are not there are ignored."""
        if not heard:
            return
        try:
            self._touch(heard)
        except (UnstorableError, UnicodeEncodeError):
            self._touch([(storable(agent_id), at) for agent_id, at in heard])

    def load(self, *, newest: int | None = None, over_since: datetime | None = None) -> list[AgentRow]:
        """All agents, in no order. A row that cannot be read is left out, with a warning.

        Args:
            newest: Only so many, those that were heard last; None = all.
            over_since: Without those that were stopped or offline before then and that nobody forced.
        """
        wanted = READ_AGENTS
        if over_since is not None:
            is_over = AGENTS.c.status.in_([Status.STOPPED.value, Status.OFFLINE.value])
            wanted = wanted.where(
                sa.not_(is_over) | (AGENTS.c.statusSince >= over_since) | AGENTS.c.forcedStatus.is_not(None)
            )
        if newest is not None:
            wanted = wanted.order_by(AGENTS.c.lastHeartbeat.desc()).limit(newest)
        with self._read() as connection:
            # In portions, so that texts of thousands of rows are not in memory twice.
            return _parsed(chain.from_iterable(connection.execute(wanted).partitions(1_000)), agent_from)

    def stopped(self, *, newest: int) -> list[tuple[str, str]]:
        """Id and incarnation of agents that said goodbye, of those that were heard last."""
        wanted = (
            sa.select(AGENTS.c.agentId, AGENTS.c.incarnation)
            .where(AGENTS.c.said == Said.STOPPED.value)
            .order_by(AGENTS.c.lastHeartbeat.desc())
            .limit(newest)
        )
        with self._read() as connection:
            return [(agent_id, incarnation) for agent_id, incarnation in connection.execute(wanted)]

    def heard(self) -> dict[str, datetime]:
        """When each agent that is not over was last heard."""
        wanted = sa.select(AGENTS.c.agentId, AGENTS.c.lastHeartbeat).where(
            AGENTS.c.status.not_in([Status.STOPPED.value, Status.OFFLINE.value])
        )
        with self._read() as connection:
            return {agent_id: at for agent_id, at in connection.execute(wanted)}  # noqa: C416

    def history(self, agent_id: str, *, limit: int, before: int | None = None) -> list[Change]:
        """The newest changes of an agent, the newest first.

        Args:
            agent_id: It may be one that is not there any more.
            limit: How many at most.
            before: Only those with a smaller id: the last one of the page before.
        """
        values = {
            "agent": storable(agent_id),
            "before": _LAST_ID if before is None else min(before, _LAST_ID),
            "most": limit,
        }
        with self._read() as connection:
            return _parsed(connection.execute(_HISTORY, values), change_from)

    def remove(self, agent_id: str) -> None:
        """Delete an agent's row; its history stays. May be called twice."""
        with self._write() as connection:
            connection.execute(_REMOVE, {"agent": storable(agent_id)})

    def prune(self, before: datetime) -> int:
        """Delete changes from before that moment, and agents not heard since that are stopped, offline or unknown.

        In small transactions. Called beside the thread that writes, it lets that one through in between.

        Returns:
            How many rows.
        """
        n_changes = self._delete_in_portions(CHANGES.c.id, CHANGES.c.at < before)
        is_over = AGENTS.c.status.in_([status.value for status in _OVER])
        return n_changes + self._delete_in_portions(
            AGENTS.c.agentId, AGENTS.c.lastHeartbeat < before, is_over
        )

    def ping(self) -> None:
        """Ask for a row, to see that the database answers and has its tables."""
        self._database.check()
        with self._read() as connection:
            connection.execute(_PING)

    def close(self) -> None:
        """Close all connections; the store is of no use then. May be called twice."""
        self._is_closed = True
        self._database.engine.dispose()

    def _save(self, rows: Sequence[AgentRow], changes: Sequence[Change], removed: Sequence[str]) -> None:
        # One row for each agent: one statement must not change a row twice. In the order of the ids, so that
        # two registries on one database lock them in the same order.
        newest = {row.agent_id: row for row in rows}
        agents = [agent_values(newest[agent_id]) for agent_id in sorted(newest)]
        added = [change_values(change) for change in changes]
        with self._write() as connection:
            if agents:
                self._database.upsert_agents(connection, agents)
            if added:
                self._database.add_changes(connection, added)
            for agent_id in removed:
                connection.execute(_REMOVE, {"agent": agent_id})

    def _touch(self, heard: Sequence[tuple[str, datetime]]) -> None:
        with self._write() as connection:
            self._database.touch(connection, heard)

    def _delete_in_portions(self, key: sa.Column[Any], *conditions: sa.ColumnElement[bool]) -> int:
        some = sa.select(key).where(*conditions).limit(_PRUNE_PORTION)
        # The conditions again, because an agent may come back after it was selected.
        statement = sa.delete(key.table).where(key.in_(some.scalar_subquery()), *conditions)
        n_rows = 0
        while True:
            with self._write() as connection:
                n_deleted = connection.execute(statement).rowcount
            n_rows += n_deleted
            if n_deleted < _PRUNE_PORTION:
                return n_rows
            time.sleep(_PRUNE_PAUSE)

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._writing, self._transaction(writes=True) as connection:
            yield connection

    def _read(self) -> AbstractContextManager[sa.Connection]:
        return self._transaction(writes=False)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        place = self._database.place
        if self._is_closed:
            raise StoreError(f"{place}: the store is closed")
        try:
            with (
                self._database.engine.connect().execution_options(writes=writes) as connection,
                connection.begin(),
            ):
                yield connection
        except sa.exc.DBAPIError as error:
            kind = UnstorableError if isinstance(error, sa.exc.DataError) else StoreError
            raise kind(f"{place}: {self._database.explain(error)}") from error
        except sa.exc.TimeoutError as error:
            raise StoreError(
                f"{place}: too many calls at once, all connections are in use; try again"
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
        f"{kind} is no database for the registry; DATABASE_URL takes postgresql:// and sqlite:///"
    )


def _parsed(rows: Iterable[Sequence[Any]], parse: Callable[[Sequence[Any]], _T]) -> list[_T]:
    parsed = []
    for row in rows:
        try:
            parsed.append(parse(row))
        except (ValueError, KeyError, TypeError, msgspec.MsgspecError):
            logger.warning(
                "a row of the database cannot be read; it is ignored",
                exc_info=True,
                extra={"action": "database.row", "row": row[0]},
            )
    return parsed
