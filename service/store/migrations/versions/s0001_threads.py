"""Conversations and what was said in them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Written out here and not taken from the package: a migration never changes, the package does.
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "chat_threads",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("owner", "thread_id", name="chat_threads_owner_thread_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("chat_threads_heard_at", "chat_threads", ["heard_at"])
    op.create_table(
        "chat_messages",
        sa.Column(
            "thread", sa.BigInteger(), sa.ForeignKey("chat_threads.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("said_at", _MOMENT, nullable=False),
    )
