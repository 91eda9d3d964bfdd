"""Of turns, when they were said and how long everything took; of sessions, what happened in them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

# Written out here and not taken from the package: a migration never changes, the package does.
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column(
        "agent_sessions",
        sa.Column("isTranscribed", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    op.add_column("agent_sessions", sa.Column("firstAudio", sa.Double()))
    op.add_column(
        "agent_sessions", sa.Column("moreEvents", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column(
        "session_turns", sa.Column("isKept", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    for name in ("started", "duration"):
        op.add_column("session_turns", sa.Column(name, sa.Double()))
    op.add_column("session_turns", sa.Column("delays", _JSON))
    op.create_index(
        "session_turns_kept",
        "session_turns",
        ["sessionId"],
        postgresql_where=sa.column("isKept").is_(True),
        sqlite_where=sa.column("isKept").is_(True),
    )
    op.create_table(
        "session_events",
        sa.Column("sessionId", sa.Text(), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )
