"""The agents, the history of their status, and a view for other programs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

# Written out here and not taken from the package: a migration never changes, the package does.
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_JSON_LIST = sa.JSON().with_variant(JSONB(), "postgresql")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "local_agents",
        sa.Column("agentId", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("model", sa.Text()),
        sa.Column("voice", sa.Text()),
        sa.Column("temperature", sa.Double()),
        sa.Column("prompt", sa.Text()),
        sa.Column("processId", sa.BigInteger()),
        sa.Column("processAge", sa.Double()),
        sa.Column("host", sa.Text()),
        sa.Column("port", sa.Integer()),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.Double()),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("hints", _JSON_LIST, nullable=False),
        sa.Column("lastHeartbeat", _MOMENT, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("health", sa.Integer()),
        sa.Column("reasons", _JSON_LIST, nullable=False),
        sa.Column("cause", sa.Text()),
        sa.Column("statusSince", _MOMENT, nullable=False),
        sa.Column("forcedStatus", sa.Text()),
        sa.Column("forcedHealth", sa.Integer()),
        sa.Column("forcedBy", sa.Text()),
        sa.Column("forcedReason", sa.Text()),
        sa.Column("forcedAt", _MOMENT),
        sa.Column("lastError", sa.Text()),
        sa.Column("errorAge", sa.Double()),
        sa.Column("lastErrorAt", _MOMENT),
        sa.Column("idle", sa.Double()),
        sa.Column("lastActivity", _MOMENT),
        sa.Column("cpu", sa.Double()),
        sa.Column("rss", sa.BigInteger()),
        sa.Column("loopLag", sa.Double()),
        sa.Column("room", sa.Text()),
        sa.Column("phase", sa.Text()),
        sa.Column("humans", _JSON_LIST),
        sa.Column("since", sa.Double()),
        sa.Column("graceLeft", sa.Double()),
        sa.Column("llm", sa.Text()),
        sa.Column("firstSeen", _MOMENT, nullable=False),
        sa.Column("updatedAt", _MOMENT, nullable=False),
    )
    op.create_index("local_agents_lastHeartbeat", "local_agents", ["lastHeartbeat"])
    op.create_index("local_agents_status", "local_agents", ["status"])
    op.create_table(
        "status_changes",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("agentId", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("health", sa.Integer()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("status_changes_agentId_id", "status_changes", ["agentId", "id"])
    op.create_index("status_changes_at", "status_changes", ["at"])
    op.execute(
        """
        CREATE VIEW agent_status AS
        SELECT "agentId" AS id,
               name AS agent_name,
               status,
               health,
               "lastHeartbeat" AS last_heartbeat,
               "lastError" AS last_error,
               "lastActivity" AS last_activity,
               "updatedAt" AS updated_at
        FROM local_agents
        """
    )
