"""The tables as they are now. The migrations hold how they came to be; a test keeps the two alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

VERSION_TABLE = "service_alembic_version"
"""Alembic's own table. Not its usual name: the registry, or a program of somebody else, may use the same database."""

METADATA = sa.MetaData()


class Moment(sa.TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite keeps it as text, always of one length, so that it sorts like time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        assert value is None or isinstance(value, datetime)  # noqa: S101  # the driver's own type
        return value


_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up only what is called INTEGER

THREADS = sa.Table(
    "chat_threads",
    METADATA,
    sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column("owner", sa.Text, nullable=False),  # subject of the token; '' = nobody in particular
    sa.Column("thread_id", sa.Text, nullable=False),
    sa.Column("messages", sa.BigInteger, nullable=False),  # said in all, the forgotten ones too
    sa.Column("heard_at", Moment, nullable=False),  # its last message
    sa.UniqueConstraint("owner", "thread_id", name="chat_threads_owner_thread_id"),
    sa.Index("chat_threads_heard_at", "heard_at"),
    sqlite_autoincrement=True,
)

MESSAGES = sa.Table(
    "chat_messages",
    METADATA,
    sa.Column(
        "thread", sa.BigInteger, sa.ForeignKey("chat_threads.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("number", sa.BigInteger, primary_key=True),  # from 1 on, in the order in which they were said
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("said_at", Moment, nullable=False),
)
