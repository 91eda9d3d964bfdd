"""What is shown of sessions: the JSON of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from registry.session_records import SessionRow, TurnRow
from wire import Turn


class SessionView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent in one room, from its first report to its end. Moments are UTC by the registry's clock."""

    id: str
    """Its incarnation."""

    row_id: str
    """Id of its row among the agents."""

    agent_id: str
    room: str
    room_sid: str
    job_id: str
    host: str | None
    resumes: str | None
    """Id of the session whose conversation it goes on with."""

    started_at: datetime
    heard_at: datetime
    """When it reported last."""

    ended_at: datetime | None
    most_humans: int
    turns: int
    """How many there are."""

    usage: tuple[dict[str, Any], ...]
    close_reason: str | None
    """`lost` = its process died."""

    exit_code: int | None
    is_open: bool


class SessionList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Sessions, the newest first."""

    sessions: tuple[SessionView, ...]


def session_view(row: SessionRow) -> SessionView:
    """One session."""
    return SessionView(
        id=row.id,
        row_id=row.row_id,
        agent_id=row.agent_id,
        room=row.room,
        room_sid=row.room_sid,
        job_id=row.job_id,
        host=row.host,
        resumes=row.resumes,
        started_at=row.started_at,
        heard_at=row.heard_at,
        ended_at=row.ended_at,
        most_humans=row.most_humans,
        turns=row.n_turns,
        usage=row.usage,
        close_reason=row.close_reason,
        exit_code=row.exit_code,
        is_open=row.is_open,
    )


def turn_view(row: TurnRow, *, now: datetime) -> Turn:
    """What one side said."""
    return Turn(
        number=row.number,
        role="user" if row.role == "user" else "assistant",
        text=row.text,
        age=round(max(0.0, (now - row.at).total_seconds()), 3),
        interrupted=row.interrupted,
    )
