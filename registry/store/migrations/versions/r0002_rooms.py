"""Sessions and their turns, profiles, the history of rooms, what operators want; of agents, how they come and go."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

# Written out here and not taken from the package: a migration never changes, the package does.
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("local_agents", sa.Column("isConnected", sa.Boolean()))
    op.add_column("local_agents", sa.Column("closing", sa.Text()))
    op.add_column("local_agents", sa.Column("joining", _JSON, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("local_agents", sa.Column("takesJobs", sa.Boolean()))
    op.add_column("local_agents", sa.Column("machine", sa.Text()))
    op.create_table(
        "agent_sessions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("rowId", sa.Text(), nullable=False),
        sa.Column("agentId", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("roomSid", sa.Text(), nullable=False),
        sa.Column("jobId", sa.Text(), nullable=False),
        sa.Column("host", sa.Text()),
        sa.Column("resumes", sa.Text()),
        sa.Column("startedAt", _MOMENT, nullable=False),
        sa.Column("heardAt", _MOMENT, nullable=False),
        sa.Column("endedAt", _MOMENT),
        sa.Column("mostHumans", sa.Integer(), nullable=False),
        sa.Column("nTurns", sa.BigInteger(), nullable=False),
        sa.Column("usage", _JSON, nullable=False),
        sa.Column("closeReason", sa.Text()),
        sa.Column("exitCode", sa.BigInteger()),
    )
    op.create_index("agent_sessions_startedAt", "agent_sessions", ["startedAt"])
    op.create_index("agent_sessions_room_startedAt", "agent_sessions", ["room", "startedAt"])
    op.create_index("agent_sessions_agentId_startedAt", "agent_sessions", ["agentId", "startedAt"])
    op.create_index("agent_sessions_endedAt", "agent_sessions", ["endedAt"])
    op.create_index("agent_sessions_heardAt", "agent_sessions", ["heardAt"])
    op.create_table(
        "session_turns",
        sa.Column("sessionId", sa.Text(), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )
    op.create_table(
        "agent_profiles",
        sa.Column("agentId", sa.Text(), primary_key=True),
        sa.Column("profile", _JSON, nullable=False),
        sa.Column("updatedAt", _MOMENT, nullable=False),
        sa.Column("updatedBy", sa.Text(), nullable=False),
    )
    op.create_table(
        "room_events",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("evidence", _JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("room_events_room_id", "room_events", ["room", "id"])
    op.create_index("room_events_at", "room_events", ["at"])
    op.create_table(
        "room_closures",
        sa.Column("roomSid", sa.Text(), primary_key=True),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )
    op.create_table(
        "process_wishes",
        sa.Column("processId", sa.Text(), primary_key=True),
        sa.Column("isWanted", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )
