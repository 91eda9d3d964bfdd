"""What SQLite and PostgreSQL do in different ways."""

from __future__ import annotations

from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

Insert = sqlite.Insert | postgresql.Insert


class Given(Protocol):
    """The rows of a statement, in its parameter `rows`: a list of lists, as JSON text.

    One parameter for all rows makes one step of one statement out of them. A driver gives up Python's lock for each
    step, and beside a busy event loop it has to wait for it each time.
    """

    def column(self, index: int, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> sa.ColumnElement[Any]:
        """A column of these rows."""


class Database(Protocol):
    """One kind of database. Connections come from its engine and are in a transaction."""

    place: str
    """For people: the kind, and where it is. Without user name and password."""

    engine: sa.Engine

    @property
    def given(self) -> Given:
        """Makes statements that take many rows."""

    def insert(self, table: sa.Table) -> Insert:
        """A statement that may say what happens to rows that are there already."""

    def as_json(self, rows: sa.Subquery) -> sa.Select[str | None]:
        """The same rows as one text: a list of lists in JSON. None = there are none."""

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
