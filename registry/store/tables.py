"""The tables as they are now. The migrations hold how they came to be; a test keeps the two alike."""

from __future__ import annotations

import functools
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from registry.store.moments import MOMENT

VERSION_TABLE = "roomkeeper_version"
"""Alembic's own table. Not its usual name: the database may be shared with a program that uses Alembic too."""

METADATA = sa.MetaData()

JSON_LIST = sa.JSON().with_variant(JSONB(), "postgresql")
"""A list of objects; [] when there is none."""

JSON_OBJECT = sa.JSON().with_variant(JSONB(), "postgresql")

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
    sa.Column("isConnected", sa.Boolean),  # null: it has no call, or is from before there was this column
    sa.Column("closing", sa.Text),
    sa.Column("llmState", sa.Text),
    # Of a worker: jobs whose agents are on their way, and whether it takes more.
    sa.Column("joining", JSON_LIST, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("takesJobs", sa.Boolean),
    # Endpoints of language models, and how it went from one to another. Ages are seconds before lastHeartbeat.
    sa.Column("models", JSON_LIST, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("switches", JSON_LIST, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("machine", sa.Text),
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

SESSIONS = sa.Table(
    "agent_sessions",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # its incarnation
    sa.Column("rowId", sa.Text, nullable=False),  # of its row among the agents, which goes sooner
    sa.Column("agentId", sa.Text, nullable=False),
    sa.Column("room", sa.Text, nullable=False),
    sa.Column("roomSid", sa.Text, nullable=False),
    sa.Column("jobId", sa.Text, nullable=False),
    sa.Column("host", sa.Text),
    sa.Column("resumes", sa.Text),  # the session whose conversation it goes on with; it may be gone
    sa.Column("startedAt", MOMENT, nullable=False),
    sa.Column("heardAt", MOMENT, nullable=False),
    sa.Column("endedAt", MOMENT),  # null: it goes on
    sa.Column("mostHumans", sa.Integer, nullable=False),
    sa.Column(
        "nTurns", sa.BigInteger, nullable=False
    ),  # those with a smaller number came; they may be pruned
    sa.Column("usage", JSON_LIST, nullable=False),
    sa.Column("closeReason", sa.Text),
    sa.Column("exitCode", sa.BigInteger),
    sa.Column("isTranscribed", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("firstAudio", sa.Double),
    sa.Column("moreEvents", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Index("agent_sessions_startedAt", "startedAt"),
    sa.Index("agent_sessions_room_startedAt", "room", "startedAt"),
    sa.Index("agent_sessions_agentId_startedAt", "agentId", "startedAt"),
    sa.Index("agent_sessions_endedAt", "endedAt"),
    sa.Index("agent_sessions_heardAt", "heardAt"),
)

TURNS = sa.Table(
    "session_turns",
    METADATA,
    sa.Column("sessionId", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("interrupted", sa.Boolean, nullable=False),
    sa.Column("at", MOMENT, nullable=False),
    sa.Column("isKept", sa.Boolean, nullable=False, server_default=sa.true()),  # false: its text is empty
    sa.Column("started", sa.Double),
    sa.Column("duration", sa.Double),
    sa.Column("delays", JSON_OBJECT),
)

# For the prune, which looks for texts that are still there: most turns that are kept for long have none any more.
sa.Index(
    "session_turns_kept",
    TURNS.c.sessionId,
    postgresql_where=TURNS.c.isKept.is_(True),
    sqlite_where=TURNS.c.isKept.is_(True),
)

EVENTS = sa.Table(
    "session_events",
    METADATA,
    sa.Column("sessionId", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", MOMENT, nullable=False),
)

PROFILES = sa.Table(
    "agent_profiles",
    METADATA,
    sa.Column("agentId", sa.Text, primary_key=True),
    sa.Column("profile", JSON_OBJECT, nullable=False),
    sa.Column("updatedAt", MOMENT, nullable=False),
    sa.Column("updatedBy", sa.Text, nullable=False),
)

ROOM_EVENTS = sa.Table(
    "room_events",
    METADATA,
    sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    sa.Column("at", MOMENT, nullable=False),
    sa.Column("room", sa.Text, nullable=False),
    sa.Column("sid", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("evidence", JSON_OBJECT, nullable=False),
    sa.Index("room_events_room_id", "room", "id"),
    sa.Index("room_events_at", "at"),
    sqlite_autoincrement=True,
)

CLOSURES = sa.Table(
    "room_closures",
    METADATA,
    sa.Column("roomSid", sa.Text, primary_key=True),
    sa.Column("room", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", MOMENT, nullable=False),
)

WISHES = sa.Table(
    "process_wishes",
    METADATA,
    sa.Column("processId", sa.Text, primary_key=True),
    sa.Column("isWanted", sa.Boolean, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", MOMENT, nullable=False),
)


@functools.cache
def columns_of(table: sa.Table) -> tuple[str, ...]:
    """Names of the columns that are written: all but a number that the database gives."""
    return tuple(column.name for column in table.columns if column is not table.autoincrement_column)


def read(table: sa.Table) -> sa.Select[Any]:
    """Whole rows of a table, with JSON as text."""
    return sa.select(*(sa.cast(column, sa.Text) if is_json(column) else column for column in table.columns))


def is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)
