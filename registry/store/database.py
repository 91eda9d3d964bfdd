"""What SQLite and PostgreSQL do in different ways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from registry.store.rows import Values


class Database(Protocol):
    """One kind of database. Connections come from its engine and are in a transaction."""

    place: str
    """For people: the kind, and where it is. Without user name and password."""

    engine: sa.Engine

    def upsert_agents(self, connection: sa.Connection, rows: Sequence[Values]) -> None:
        """Write rows of `local_agents`, all of different agents."""

    def add_changes(self, connection: sa.Connection, rows: Sequence[Values]) -> None:
        """Append rows to `status_changes`."""

    def touch(self, connection: sa.Connection, heard: Sequence[tuple[str, datetime]]) -> None:
        """Write last heartbeats; of agents that are not there, nothing."""

    def lock_for_migration(self, connection: sa.Connection) -> None:
        """Wait until no other process migrates; holds until the transaction ends."""

    def explain(self, error: sa.exc.DBAPIError) -> str:
        """What happened and the way out, in one sentence."""

    def check(self) -> None:
        """Find what a query on an open connection does not.

        Raises:
            StoreError: The database cannot be there any more.
        """


def first_line(error: BaseException) -> str:
    """The first line of a driver's message. The others may repeat what was to be written."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
