"""The tables as they are now. The migrations hold how they came to be; a test keeps the two alike."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from registry.store.moments import MOMENT

VERSION_TABLE = "roomkeeper_version"
"""Alembic's own table. Not its usual name: the database may be shared with a program that uses Alembic too."""

METADATA = sa.MetaData()

JSON_LIST = sa.JSON().with_variant(JSONB(), "postgresql")
"""A list of objects; [] when there is none."""

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up only what is called INTEGER

AGENTS = sa.Table(
    "local_agents",
    METADATA,
    # Who it is.
    sa.Column("agentId", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("model", sa.Text),
    sa.Column("voice", sa.Text),
    sa.Column("temperature", sa.Double),
    sa.Column("prompt", sa.Text),
    # Where it runs.
    sa.Column("processId", sa.BigInteger),
    sa.Column("processAge", sa.Double),
    sa.Column("host", sa.Text),
    sa.Column("port", sa.Integer),
    sa.Column("deployment", sa.Text, nullable=False),
    # Its last beat.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("incarnation", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("interval", sa.Double),
    sa.Column("said", sa.Text, nullable=False),  # the status by its own word
    sa.Column("reason", sa.Text),  # of its own word
    sa.Column("hints", JSON_LIST, nullable=False),
    sa.Column("lastHeartbeat", MOMENT, nullable=False),
    # How it is, as the registry sees it.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("health", sa.Integer),
    sa.Column("reasons", JSON_LIST, nullable=False),
    sa.Column("cause", sa.Text),
    sa.Column("statusSince", MOMENT, nullable=False),
    # What an operator set; forcedStatus is null when nobody did.
    sa.Column("forcedStatus", sa.Text),
    sa.Column("forcedHealth", sa.Integer),
    sa.Column("forcedBy", sa.Text),
    sa.Column("forcedReason", sa.Text),
    sa.Column("forcedAt", MOMENT),
    # What it did. Ages are seconds before lastHeartbeat.
    sa.Column("lastError", sa.Text),
    sa.Column("errorAge", sa.Double),
    sa.Column("lastErrorAt", MOMENT),
    sa.Column("idle", sa.Double),
    sa.Column("lastActivity", MOMENT),
    sa.Column("cpu", sa.Double),
    sa.Column("rss", sa.BigInteger),
    sa.Column("loopLag", sa.Double),
    # Its call; room is null when it has none.
    sa.Column("room", sa.Text),
    sa.Column("phase", sa.Text),
    sa.Column("humans", JSON_LIST),
    sa.Column("since", sa.Double),
    sa.Column("graceLeft", sa.Double),
    sa.Column("llm", sa.Text),
    sa.Column("firstSeen", MOMENT, nullable=False),
    sa.Column("updatedAt", MOMENT, nullable=False),
    sa.Index("local_agents_lastHeartbeat", "lastHeartbeat"),
    sa.Index("local_agents_status", "status"),
)

CHANGES = sa.Table(
    "status_changes",
    METADATA,
    sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column("at", MOMENT, nullable=False),
    sa.Column("agentId", sa.Text, nullable=False),
    sa.Column("incarnation", sa.Text, nullable=False),
    sa.Column("before", sa.Text),  # null: the agent was not known
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("health", sa.Integer),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Index("status_changes_agentId_id", "agentId", "id"),
    sa.Index("status_changes_at", "at"),
    sqlite_autoincrement=True,  # a number is never given twice, also not after the newest rows were pruned
)

AGENT_COLUMNS = tuple(column.name for column in AGENTS.columns)
CHANGE_COLUMNS = tuple(column.name for column in CHANGES.columns if column.name != "id")
