"""What is shown of sessions: the JSON of the API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from registry.latencies import Latencies, latencies
from registry.prices import Costs, Prices
from registry.session_records import EventRow, Record, SessionRow, TurnRow
from registry.timeline import since
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
    is_transcribed: bool
    """What is said is kept, for a time."""

    first_audio: float | None
    """Seconds from the first human's coming until the agent was first heard; null = not yet, or not measured."""


class EventView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that happened in a session, besides what was said."""

    number: int
    kind: str
    text: str
    at: datetime
    since: float
    """Seconds from the beginning of the session."""


class SessionDetail(SessionView, frozen=True, kw_only=True, rename="camel"):
    """A session, with what happened in it and how long everything took."""

    events: tuple[EventView, ...]
    more_events: int
    """Events that are not kept, because there were too many."""

    latencies: Latencies
    cost: Costs


class SessionList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Sessions, the newest first."""

    sessions: tuple[SessionView, ...]


def session_view(row: SessionRow) -> SessionView:
    """One session."""
    return SessionView(**_fields(row))


def session_detail(record: Record, *, prices: Prices) -> SessionDetail:
    """One session with all that is known of it, but for what was said."""
    row = record.row
    return SessionDetail(
        **_fields(row),
        events=tuple(_event_view(event, row) for event in record.events),
        more_events=row.more_events,
        latencies=latencies_of(row, record.turns),
        cost=prices.estimate(row.usage),
    )


def latencies_of(row: SessionRow, turns: Iterable[TurnRow]) -> Latencies:
    """How long people waited in one session, by its own turns."""
    return latencies(
        (turn.delays for turn in turns if turn.delays is not None),
        () if row.first_audio is None else (row.first_audio,),
    )


def _event_view(event: EventRow, row: SessionRow) -> EventView:
    return EventView(
        number=event.number,
        kind=event.kind,
        text=event.text,
        at=event.at,
        since=round(since(row, event.at), 3),
    )


def _fields(row: SessionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "row_id": row.row_id,
        "agent_id": row.agent_id,
        "room": row.room,
        "room_sid": row.room_sid,
        "job_id": row.job_id,
        "host": row.host,
        "resumes": row.resumes,
        "started_at": row.started_at,
        "heard_at": row.heard_at,
        "ended_at": row.ended_at,
        "most_humans": row.most_humans,
        "turns": row.n_turns,
        "usage": row.usage,
        "close_reason": row.close_reason,
        "exit_code": row.exit_code,
        "is_open": row.is_open,
        "is_transcribed": row.is_transcribed,
        "first_audio": row.first_audio,
    }


def turn_view(row: TurnRow, *, now: datetime) -> Turn:
    """What one side said."""
    return Turn(
        number=row.number,
        role="user" if row.role == "user" else "assistant",
        text=row.text,
        age=round(max(0.0, (now - row.at).total_seconds()), 3),
        interrupted=row.interrupted,
        is_kept=row.is_kept,
        started=row.started,
        duration=row.duration,
        delays=row.delays,
    )
