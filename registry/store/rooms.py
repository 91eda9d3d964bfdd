"""The history of rooms, and those that an operator closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from registry.session_records import ClosureRow, RoomEvent
from registry.store.session_rows import closure_from, closure_values, event_from, event_values
from registry.store.tables import CLOSURES, ROOM_EVENTS, read
from registry.store.texts import storable
from registry.store.transactions import LAST_ID, Transactions, parsed, storing

_EVENTS = (
    read(ROOM_EVENTS)
    .where(ROOM_EVENTS.c.room == sa.bindparam("room"), ROOM_EVENTS.c.id < sa.bindparam("before"))
    .order_by(ROOM_EVENTS.c.id.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_CLOSURES = read(CLOSURES).order_by(CLOSURES.c.at, CLOSURES.c.roomSid)
_REMOVE = sa.delete(CLOSURES).where(CLOSURES.c.roomSid == sa.bindparam("sid"))


class Rooms:
    """Part of a `Store`: events of rooms, and closures. Raises as that one does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add_events(self, events: Sequence[RoomEvent]) -> None:
        """Append them, in one transaction. Durable afterwards."""
        if events:
            storing(self._add_events, events)

    def events(self, room: str, *, limit: int, before: int | None = None) -> list[RoomEvent]:
        """The newest events of rooms of that name, the newest first.

        Args:
            room: It may be one that is not there any more.
            limit: How many at most.
            before: Only those with a smaller id: the last one of the page before.
        """
        values = {
            "room": storable(room),
            "before": LAST_ID if before is None else min(before, LAST_ID),
            "most": limit,
        }
        with self._transactions.read() as connection:
            return parsed(connection.execute(_EVENTS, values), event_from)

    def closures(self) -> list[ClosureRow]:
        """All that hold, the oldest first."""
        with self._transactions.read() as connection:
            return parsed(connection.execute(_CLOSURES), closure_from)

    def add_closure(self, row: ClosureRow) -> None:
        """Write it over the one of the same room that is there. Durable afterwards."""
        storing(self._add_closure, [row])

    def remove_closure(self, room_sid: str) -> None:
        """May be called twice."""
        with self._transactions.write() as connection:
            connection.execute(_REMOVE, {"sid": storable(room_sid)})

    def prune(self, before: datetime) -> int:
        """Delete events from before that moment, in small transactions. Closures stay: their room may live on.

        Returns:
            How many rows.
        """
        return self._transactions.delete_in_portions([ROOM_EVENTS.c.id], ROOM_EVENTS.c.at < before)

    def _add_events(self, events: Sequence[RoomEvent]) -> None:
        values = [event_values(event) for event in events]
        with self._transactions.write() as connection:
            self._transactions.database.append(connection, ROOM_EVENTS, values)

    def _add_closure(self, rows: Sequence[ClosureRow]) -> None:
        with self._transactions.write() as connection:
            self._transactions.database.upsert(connection, CLOSURES, [closure_values(row) for row in rows])
