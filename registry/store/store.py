"""The registry's memory across restarts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

import sqlalchemy as sa

from registry.records import AgentRow, Change, Status
from registry.store.database import Database
from registry.store.errors import StoreError, UnstorableError
from registry.store.keeper_lock import KeeperLock
from registry.store.migrate import migrate
from registry.store.postgres import PostgresDatabase
from registry.store.profiles import Profiles
from registry.store.rooms import Rooms
from registry.store.rows import (
    READ_AGENTS,
    READ_CHANGES,
    agent_from,
    agent_values,
    change_from,
    change_values,
)
from registry.store.sessions import Sessions
from registry.store.sqlite import SqliteDatabase
from registry.store.tables import AGENTS, CHANGES
from registry.store.texts import storable
from registry.store.transactions import LAST_ID, Transactions, parsed, storing
from registry.store.wishes import Wishes
from wire import Said

_OVER = (Status.STOPPED, Status.OFFLINE, Status.UNKNOWN)

# Built once: SQLAlchemy takes longer to build a statement than SQLite to answer it.
_HISTORY = (
    READ_CHANGES.where(CHANGES.c.agentId == sa.bindparam("agent"), CHANGES.c.id < sa.bindparam("before"))
    .order_by(CHANGES.c.id.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_REMOVE = sa.delete(AGENTS).where(AGENTS.c.agentId == sa.bindparam("agent"))
_PING = sa.select(AGENTS.c.agentId).limit(1)
_IS_NOT_OVER = AGENTS.c.status.not_in([Status.STOPPED.value, Status.OFFLINE.value])


class Store:
    """Agents and their history in a database, and in its parts the rest. Blocks; may be used from several threads.

    Nothing is opened before the first call. After a failure the next call tries anew, with a new connection
    where the old one was lost. Every call raises `StoreError` when the database does not do it.

    Args:
        url: ``sqlite:////path/file.db`` or ``postgresql://user:password@host/name``. What follows a ``?``
            goes to the driver.

    Raises:
        StoreError: The URL cannot be read, or the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._transactions = transactions = Transactions(_choose(url))
        self.sessions = Sessions(transactions)
        self.profiles = Profiles(transactions)
        self.rooms = Rooms(transactions)
        self.wishes = Wishes(transactions)

    def migrate(self) -> None:
        """Make or update the tables. Any number of processes may do it at once.

        Raises:
            StoreError: Also when the tables are newer than this program.
        """
        with self._transactions.write() as connection:
            self._database.lock_for_migration(connection)
            migrate(connection, place=self._database.place)

    def save(self, rows: Sequence[AgentRow], changes: Sequence[Change], removed: Sequence[str] = ()) -> None:
        """Write agents over what is there of them, append changes, delete agents, in one transaction.

        Durable afterwards. Of several rows of one agent the last one counts.
        """
        if not rows and not changes and not removed:
            return
        storing(self._save, rows, changes, [storable(agent_id) for agent_id in removed])

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
        with self._transactions.read() as connection:
            # In portions, so that texts of thousands of rows are not in memory twice.
            return parsed(chain.from_iterable(connection.execute(wanted).partitions(1_000)), agent_from)

    def stopped(self, *, newest: int) -> list[tuple[str, str]]:
        """Id and incarnation of agents that said goodbye, of those that were heard last."""
        wanted = (
            sa.select(AGENTS.c.agentId, AGENTS.c.incarnation)
            .where(AGENTS.c.said == Said.STOPPED.value)
            .order_by(AGENTS.c.lastHeartbeat.desc())
            .limit(newest)
        )
        with self._transactions.read() as connection:
            return [(agent_id, incarnation) for agent_id, incarnation in connection.execute(wanted)]

    def heard(self) -> dict[str, datetime]:
        """When each agent that is not over was last heard."""
        wanted = sa.select(AGENTS.c.agentId, AGENTS.c.lastHeartbeat).where(_IS_NOT_OVER)
        with self._transactions.read() as connection:
            return {agent_id: at for agent_id, at in connection.execute(wanted)}  # noqa: C416

    def incarnations(self) -> dict[str, str]:
        """The process of each agent that is not over, by the agent's id."""
        wanted = sa.select(AGENTS.c.agentId, AGENTS.c.incarnation).where(_IS_NOT_OVER)
        with self._transactions.read() as connection:
            return {agent_id: incarnation for agent_id, incarnation in connection.execute(wanted)}  # noqa: C416

    def history(self, agent_id: str, *, limit: int, before: int | None = None) -> list[Change]:
        """The newest changes of an agent, the newest first.

        Args:
            agent_id: It may be one that is not there any more.
            limit: How many at most.
            before: Only those with a smaller id: the last one of the page before.
        """
        values = {
            "agent": storable(agent_id),
            "before": LAST_ID if before is None else min(before, LAST_ID),
            "most": limit,
        }
        with self._transactions.read() as connection:
            return parsed(connection.execute(_HISTORY, values), change_from)

    def prune(self, before: datetime) -> int:
        """Delete changes from before that moment, and agents not heard since that are stopped, offline or unknown.

        In small transactions. Called beside the thread that writes, it lets that one through in between.

        Returns:
            How many rows.
        """
        is_over = AGENTS.c.status.in_([status.value for status in _OVER])
        return self._transactions.delete_in_portions([CHANGES.c.id], CHANGES.c.at < before) + (
            self._transactions.delete_in_portions(
                [AGENTS.c.agentId], AGENTS.c.lastHeartbeat < before, is_over
            )
        )

    def keeper_lock(self) -> KeeperLock:
        """What the one of several registries holds that keeps the rooms. Each call makes another holder."""
        return self._database.keeper_lock()

    def ping(self) -> None:
        """Ask for a row, to see that the database answers and has its tables."""
        self._database.check()
        with self._transactions.read() as connection:
            connection.execute(_PING)

    def close(self) -> None:
        """Close all connections but those of locks; the store is of no use then. May be called twice."""
        self._transactions.close()

    def _save(self, rows: Sequence[AgentRow], changes: Sequence[Change], removed: Sequence[str]) -> None:
        # One row for each agent: one statement must not change a row twice. In the order of the ids, so that
        # two registries on one database lock them in the same order.
        newest = {row.agent_id: row for row in rows}
        agents = [agent_values(newest[agent_id]) for agent_id in sorted(newest)]
        added = [change_values(change) for change in changes]
        with self._transactions.write() as connection:
            if agents:
                self._database.upsert(connection, AGENTS, agents)
            if added:
                self._database.append(connection, CHANGES, added)
            for agent_id in removed:
                connection.execute(_REMOVE, {"agent": agent_id})

    def _touch(self, heard: Sequence[tuple[str, datetime]]) -> None:
        with self._transactions.write() as connection:
            self._database.touch(connection, heard)

    @property
    def _database(self) -> Database:
        return self._transactions.database


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
