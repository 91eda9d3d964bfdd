"""What SQLite and PostgreSQL do in different ways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from registry.store.keeper_lock import KeeperLock
from registry.store.rows import Values


class Database(Protocol):
    """One kind of database. Connections come from its engine and are in a transaction.

    Rows are in the order of `columns_of` their table.
    """

    place: str
    """For people: the kind, and where it is. Without user name and password."""

    engine: sa.Engine

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> None:
        """Write rows over those that have the same key. The keys of `rows` differ."""

    def append(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> None:
        """Add rows to a table whose ids the database gives."""

    def add_missing(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> int:
        """Add those rows whose keys are not there yet. Returns how many those were."""

    def touch(self, connection: sa.Connection, heard: Sequence[tuple[str, datetime]]) -> None:
        """Write last heartbeats; of agents that are not there, nothing."""

    def lock_for_migration(self, connection: sa.Connection) -> None:
        """Wait until no other process migrates; holds until the transaction ends."""

    def explain(self, error: sa.exc.DBAPIError) -> str:
        """What happened and the way out, in one sentence."""

    def keeper_lock(self) -> KeeperLock:
        """A new one, which nobody holds through it yet."""

    def check(self) -> None:
        """Find what a query on an open connection does not.

        Raises:
            StoreError: The database cannot be there any more.
        """


def first_line(error: BaseException) -> str:
    """The first line of a driver's message. The others may repeat what was to be written."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
