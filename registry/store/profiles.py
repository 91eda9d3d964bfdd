"""Profiles that were stored for agents."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from registry.session_records import ProfileRow
from registry.store.session_rows import profile_from, profile_values
from registry.store.tables import PROFILES, read
from registry.store.texts import storable
from registry.store.transactions import Transactions, parsed, storing

_AGENT = PROFILES.c.agentId == sa.bindparam("agent")
_ALL = read(PROFILES).order_by(PROFILES.c.agentId)
_GET = read(PROFILES).where(_AGENT)
_DELETE = sa.delete(PROFILES).where(_AGENT)


class Profiles:
    """Part of a `Store`: one profile for each agent id that has one of its own. Raises as that one does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def get(self, agent_id: str) -> ProfileRow | None:
        """None = none is stored, or it cannot be read, with a warning."""
        with self._transactions.read() as connection:
            found = parsed(connection.execute(_GET, {"agent": storable(agent_id)}), profile_from)
        return found[0] if found else None

    def all(self) -> list[ProfileRow]:
        """By agent id. A row that cannot be read is left out, with a warning."""
        with self._transactions.read() as connection:
            return parsed(connection.execute(_ALL), profile_from)

    def put(self, row: ProfileRow) -> bool:
        """Write it over the one that is there. Durable afterwards. Returns whether none was."""
        return storing(self._put, [row])

    def delete(self, agent_id: str) -> bool:
        """May be called twice. Returns whether there was one."""
        with self._transactions.write() as connection:
            return connection.execute(_DELETE, {"agent": storable(agent_id)}).rowcount > 0

    def _put(self, rows: Sequence[ProfileRow]) -> bool:
        values = [profile_values(row) for row in rows]
        database = self._transactions.database
        with self._transactions.write() as connection:
            if database.add_missing(connection, PROFILES, values):
                return True
            database.upsert(connection, PROFILES, values)
            return False
