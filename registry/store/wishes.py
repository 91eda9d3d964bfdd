"""Which processes operators want to run."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from registry.session_records import WishRow
from registry.store.session_rows import wish_from, wish_values
from registry.store.tables import WISHES, read
from registry.store.texts import storable
from registry.store.transactions import Transactions, parsed, storing

_ALL = read(WISHES).order_by(WISHES.c.processId)
_DELETE = sa.delete(WISHES).where(WISHES.c.processId == sa.bindparam("process"))


class Wishes:
    """Part of a `Store`: the last wish for each process. Raises as that one does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def all(self) -> list[WishRow]:
        """By process id. A row that cannot be read is left out, with a warning."""
        with self._transactions.read() as connection:
            return parsed(connection.execute(_ALL), wish_from)

    def put(self, row: WishRow) -> None:
        """Write it over the one that is there. Durable afterwards."""
        storing(self._put, [row])

    def delete(self, process_id: str) -> None:
        """May be called twice."""
        with self._transactions.write() as connection:
            connection.execute(_DELETE, {"process": storable(process_id)})

    def _put(self, rows: Sequence[WishRow]) -> None:
        with self._transactions.write() as connection:
            self._transactions.database.upsert(connection, WISHES, [wish_values(row) for row in rows])
