"""How all parts of the store talk to the database: in transactions, with one way to fail."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from registry.store.database import Database
from registry.store.errors import StoreError, UnstorableError
from registry.store.texts import with_storable_texts

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

LAST_ID = 2**63 - 1
"""The largest that either database can be asked for."""

_PRUNE_PORTION = 1_000
"""Rows in one transaction. Takes some milliseconds; a writer waits no longer than that."""

_PRUNE_PAUSE = 0.02
"""Seconds between two, in which a writer comes first."""


class Transactions:
    """Transactions on one database. Blocks; may be used from several threads at once.

    Nothing is opened before the first one. After a failure the next one tries anew, with a new connection where
    the old one was lost.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._writing = threading.Lock()  # SQLite has one writer, and waits for it by sleeping
        self._is_closed = False

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that may write; durable when it ends without an error.

        Raises:
            StoreError: The database did not do it, and nothing of it is done.
        """
        with self._writing, self._transaction(writes=True) as connection:
            yield connection

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that only reads. Raises as `write`."""
        return self._transaction(writes=False)

    def delete_in_portions(self, key: Sequence[sa.Column[Any]], *conditions: sa.ColumnElement[bool]) -> int:
        """Delete rows in small transactions. Called beside a thread that writes, it lets that one through in between.

        Args:
            key: The primary key of the table.

        Returns:
            How many rows.
        """
        return self._in_portions(sa.delete(_table_of(key)), key, conditions)

    def update_in_portions(
        self, key: Sequence[sa.Column[Any]], values: Mapping[str, object], *conditions: sa.ColumnElement[bool]
    ) -> int:
        """As `delete_in_portions`, but write `values` over rows, which must not meet the conditions afterwards."""
        return self._in_portions(sa.update(_table_of(key)).values(**values), key, conditions)

    def _in_portions(
        self,
        statement: sa.Delete | sa.Update,
        key: Sequence[sa.Column[Any]],
        conditions: Sequence[sa.ColumnElement[bool]],
    ) -> int:
        some = sa.select(*key).where(*conditions).limit(_PRUNE_PORTION)
        n_rows = 0
        while True:
            # Looked for by a reader: many rows may have to be looked through, and a writer would keep others out.
            with self.read() as connection:
                keys = [tuple(row) for row in connection.execute(some)]
            if not keys:
                return n_rows
            with self.write() as connection:
                # The conditions again, because a row may change after it was selected.
                these = statement.where(sa.tuple_(*key).in_(keys), *conditions)
                n_rows += connection.execute(these).rowcount
            if len(keys) < _PRUNE_PORTION:
                return n_rows
            time.sleep(_PRUNE_PAUSE)

    def close(self) -> None:
        """Close all connections; no transaction is possible then. May be called twice."""
        self._is_closed = True
        self.database.engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        database = self.database
        if self._is_closed:
            raise StoreError(f"{database.place}: the store is closed")
        try:
            with (
                database.engine.connect().execution_options(writes=writes) as connection,
                connection.begin(),
            ):
                yield connection
        except sa.exc.DBAPIError as error:
            kind = UnstorableError if isinstance(error, sa.exc.DataError) else StoreError
            raise kind(f"{database.place}: {database.explain(error)}") from error
        except sa.exc.TimeoutError as error:
            raise StoreError(
                f"{database.place}: too many calls at once, all connections are in use; try again"
            ) from error


def _table_of(key: Sequence[sa.Column[Any]]) -> sa.Table:
    table = key[0].table
    assert isinstance(table, sa.Table)  # noqa: S101  # keys are of tables, and not of what is selected
    return table


def storing(write: Callable[..., _T], *batches: Sequence[Any]) -> _T:
    """`write` these records; if the database cannot hold one of their texts, with others in place of those.

    One bad text must not keep all others out, and would again at each new try.
    """
    try:
        return write(*batches)
    except (UnstorableError, UnicodeEncodeError):
        logger.warning("texts that the database cannot hold were changed", extra={"action": "database.texts"})
        return write(*([with_storable_texts(record) for record in batch] for batch in batches))


def parsed(rows: Iterable[Sequence[Any]], parse: Callable[[Sequence[Any]], _T]) -> list[_T]:
    """Records of those rows that can be read; a warning for each of the others."""
    records = []
    for row in rows:
        try:
            records.append(parse(row))
        except (ValueError, KeyError, TypeError, msgspec.MsgspecError):
            logger.warning(
                "a row of the database cannot be read; it is ignored",
                exc_info=True,
                extra={"action": "database.row", "row": row[0]},
            )
    return records
