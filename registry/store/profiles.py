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
_IDS = sa.select(PROFILES.c.agentId)
_GROUPS = sa.select(PROFILES.c.agentId, PROFILES.c.profile["group"].as_string().label("group"))


class Profiles:
    """Part of a `Store`: one profile for each agent id that has one of its own. Raises as that one does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self.n_changes = 0
        """Grows with each profile that is stored or deleted here. Others may share the database."""

    def get(self, agent_id: str) -> ProfileRow | None:
        """None = none is stored, or it cannot be read, with a warning."""
        with self._transactions.read() as connection:
            found = parsed(connection.execute(_GET, {"agent": storable(agent_id)}), profile_from)
        return found[0] if found else None

    def all(self) -> list[ProfileRow]:
        """By agent id. A row that cannot be read is left out, with a warning."""
        with self._transactions.read() as connection:
            return parsed(connection.execute(_ALL), profile_from)

    def ids(self) -> set[str]:
        """All agent ids that have one, those that cannot be read among them."""
        with self._transactions.read() as connection:
            return set(connection.execute(_IDS).scalars())

    def groups(self) -> dict[str, str]:
        """Group of each agent id whose profile names one."""
        with self._transactions.read() as connection:
            return {row.agentId: row.group for row in connection.execute(_GROUPS) if row.group}

    def put(self, row: ProfileRow) -> bool:
        """Write it over the one that is there. Durable afterwards. Returns whether none was."""
        is_new = storing(self._put, [row])
        self.n_changes += 1
        return is_new

    def put_all(self, rows: Sequence[ProfileRow]) -> None:
        """Write all of them or none. Durable afterwards."""
        if rows:
            storing(self._put_all, rows)
            self.n_changes += 1

    def add(self, row: ProfileRow) -> bool:
        """Write it where none is. Durable afterwards. Returns whether none was; otherwise nothing has happened."""
        is_new = storing(self._add, [row])
        self.n_changes += 1
        return is_new

    def delete(self, agent_id: str) -> bool:
        """May be called twice. Returns whether there was one."""
        with self._transactions.write() as connection:
            was_there = connection.execute(_DELETE, {"agent": storable(agent_id)}).rowcount > 0
        self.n_changes += 1
        return was_there

    def _put(self, rows: Sequence[ProfileRow]) -> bool:
        values = [profile_values(row) for row in rows]
        database = self._transactions.database
        with self._transactions.write() as connection:
            if database.add_missing(connection, PROFILES, values):
                return True
            database.upsert(connection, PROFILES, values)
            return False

    def _put_all(self, rows: Sequence[ProfileRow]) -> None:
        with self._transactions.write() as connection:
            self._transactions.database.upsert(connection, PROFILES, [profile_values(row) for row in rows])

    def _add(self, rows: Sequence[ProfileRow]) -> bool:
        values = [profile_values(row) for row in rows]
        with self._transactions.write() as connection:
            return self._transactions.database.add_missing(connection, PROFILES, values) > 0
