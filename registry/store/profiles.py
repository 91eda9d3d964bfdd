"""Profiles that were stored for agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from registry.session_records import ProfileRow
from registry.store.moments import MOMENT
from registry.store.session_rows import profile_from, profile_values
from registry.store.tables import PROFILES, read
from registry.store.texts import storable
from registry.store.transactions import Transactions, parsed, storing

_AGENT = PROFILES.c.agentId == sa.bindparam("agent")
_ALL = read(PROFILES).order_by(PROFILES.c.agentId)
_GET = read(PROFILES).where(_AGENT)
_DELETE = sa.delete(PROFILES).where(_AGENT)
_SEEN = PROFILES.c.updatedAt == sa.bindparam("seen", type_=MOMENT)
_DELETE_SEEN = _DELETE.where(_SEEN)
_LOCK_SEEN = sa.update(PROFILES).where(_AGENT, _SEEN).values(updatedBy=PROFILES.c.updatedBy)
_IDS = sa.select(PROFILES.c.agentId)
_GROUPS = sa.select(PROFILES.c.agentId, PROFILES.c.profile["group"].as_string().label("group"))


class _ChangedError(Exception):
    """A profile is not the one that was seen; what was written of the others is undone."""


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

    def put_unless_changed(self, rows: Sequence[ProfileRow], seen: Mapping[str, datetime]) -> bool:
        """Write all of them, unless somebody else has changed one of these profiles. Durable afterwards.

        Args:
            seen: When those of them that were there were stored, by agent id. The others were not there.

        Returns:
            Whether they are written; otherwise nothing has happened.
        """
        if not rows:
            return True
        try:
            storing(lambda some: self._put_unless_changed(some, seen), rows)
        except _ChangedError:
            return False
        self.n_changes += 1
        return True

    def add(self, row: ProfileRow) -> bool:
        """Write it where none is. Durable afterwards. Returns whether none was; otherwise nothing has happened."""
        is_new = storing(self._add, [row])
        self.n_changes += 1
        return is_new

    def delete(self, agent_id: str, *, seen: datetime | None = None) -> bool:
        """May be called twice. Returns whether there was one.

        Args:
            seen: Only the one that was stored then; None = whichever there is.
        """
        wanted = _DELETE if seen is None else _DELETE_SEEN
        values = {"agent": storable(agent_id), "seen": seen}
        with self._transactions.write() as connection:
            was_there = connection.execute(wanted, values).rowcount > 0
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

    def _put_unless_changed(self, rows: Sequence[ProfileRow], seen: Mapping[str, datetime]) -> None:
        database = self._transactions.database
        seen_at = {storable(agent_id): at for agent_id, at in seen.items()}
        old = [row for row in rows if storable(row.agent_id) in seen_at]
        new = [profile_values(row) for row in rows if storable(row.agent_id) not in seen_at]
        with self._transactions.write() as connection:
            if new and database.add_missing(connection, PROFILES, new) < len(new):
                raise _ChangedError
            for row in old:
                # Locks the row until the end of the transaction, if it is still the one that was seen.
                agent_id = storable(row.agent_id)
                values = {"agent": agent_id, "seen": seen_at[agent_id]}
                if not connection.execute(_LOCK_SEEN, values).rowcount:
                    raise _ChangedError
            if old:
                database.upsert(connection, PROFILES, [profile_values(row) for row in old])

    def _add(self, rows: Sequence[ProfileRow]) -> bool:
        values = [profile_values(row) for row in rows]
        with self._transactions.write() as connection:
            return self._transactions.database.add_missing(connection, PROFILES, values) > 0
