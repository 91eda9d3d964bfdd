"""Sessions, their turns, events of rooms and what is stored beside them as rows of plain values, and back.

Values are in the order of `columns_of` the table, as in `rows`; what is read are rows of `read` the table. What
rows are looked up by is storable from the beginning, so that it is found again on either database.
Each `…_from` raises ValueError, TypeError or msgspec.MsgspecError when this version did not write the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from registry.session_records import (
    ClosureRow,
    EventRow,
    ProfileRow,
    RoomEvent,
    SessionRow,
    Timed,
    TurnRow,
    WishRow,
)
from registry.store.moments import moment_text
from registry.store.rows import Values
from registry.store.texts import storable
from wire import Delays, parse_profile

_encode = msgspec.json.Encoder().encode
_decode_usage = msgspec.json.Decoder(tuple[dict[str, Any], ...]).decode
_decode_delays = msgspec.json.Decoder(Delays).decode
_decode_evidence = msgspec.json.Decoder(dict[str, Any]).decode


def session_values(row: SessionRow) -> Values:
    return (
        storable(row.id),
        row.row_id,
        storable(row.agent_id),
        storable(row.room),
        row.room_sid,
        row.job_id,
        row.host,
        None if row.resumes is None else storable(row.resumes),
        moment_text(row.started_at),
        moment_text(row.heard_at),
        None if row.ended_at is None else moment_text(row.ended_at),
        row.most_humans,
        row.n_turns,
        _encode(row.usage).decode(),
        row.close_reason,
        row.exit_code,
        row.is_transcribed,
        row.first_audio,
        row.more_events,
    )


def session_from(values: Sequence[Any]) -> SessionRow:
    (
        session_id, row_id, agent_id, room, room_sid, job_id, host, resumes, started_at, heard_at, ended_at,
        most_humans, n_turns, usage, close_reason, exit_code, is_transcribed, first_audio, more_events,
    ) = values  # fmt: skip
    return SessionRow(
        id=session_id,
        row_id=row_id,
        agent_id=agent_id,
        room=room,
        room_sid=room_sid,
        job_id=job_id,
        host=host,
        resumes=resumes,
        started_at=started_at,
        heard_at=heard_at,
        ended_at=ended_at,
        most_humans=most_humans,
        n_turns=n_turns,
        usage=_decode_usage(usage),
        close_reason=close_reason,
        exit_code=exit_code,
        is_transcribed=is_transcribed,
        first_audio=first_audio,
        more_events=more_events,
    )


def turn_values(row: TurnRow) -> Values:
    return (
        storable(row.session_id),
        row.number,
        row.role,
        row.text,
        row.interrupted,
        moment_text(row.at),
        row.is_kept,
        row.started,
        row.duration,
        None if row.delays is None else _encode(row.delays).decode(),
    )


def turn_from(values: Sequence[Any]) -> TurnRow:
    session_id, number, role, text, interrupted, at, is_kept, started, duration, delays = values
    return TurnRow(
        session_id=session_id,
        number=number,
        role=role,
        text=text,
        interrupted=interrupted,
        at=at,
        is_kept=is_kept,
        started=started,
        duration=duration,
        delays=None if delays is None else _decode_delays(delays),
    )


def happening_values(row: EventRow) -> Values:
    return storable(row.session_id), row.number, row.kind, row.text, moment_text(row.at)


def happening_from(values: Sequence[Any]) -> EventRow:
    session_id, number, kind, text, at = values
    return EventRow(session_id=session_id, number=number, kind=kind, text=text, at=at)


def timed_from(values: Sequence[Any]) -> Timed:
    at, delays = values
    return Timed(at, _decode_delays(delays))


def event_values(event: RoomEvent) -> Values:
    """Without its id, which the database gives."""
    return (
        moment_text(event.at),
        storable(event.room),
        event.sid,
        event.kind,
        event.text,
        event.by,
        _encode(event.evidence).decode(),
    )


def event_from(values: Sequence[Any]) -> RoomEvent:
    number, at, room, sid, kind, text, by, evidence = values
    return RoomEvent(
        id=number, at=at, room=room, sid=sid, kind=kind, text=text, by=by, evidence=_decode_evidence(evidence)
    )


def closure_values(row: ClosureRow) -> Values:
    return storable(row.room_sid), row.room, row.by, row.reason, moment_text(row.at)


def closure_from(values: Sequence[Any]) -> ClosureRow:
    room_sid, room, by, reason, at = values
    return ClosureRow(room_sid=room_sid, room=room, by=by, reason=reason, at=at)


def profile_values(row: ProfileRow) -> Values:
    return storable(row.agent_id), row.profile.model_dump_json(), moment_text(row.updated_at), row.updated_by


def profile_from(values: Sequence[Any]) -> ProfileRow:
    agent_id, profile, updated_at, updated_by = values
    return ProfileRow(
        agent_id=agent_id, profile=parse_profile(profile), updated_at=updated_at, updated_by=updated_by
    )


def wish_values(row: WishRow) -> Values:
    return storable(row.process_id), row.is_wanted, row.by, row.reason, moment_text(row.at)


def wish_from(values: Sequence[Any]) -> WishRow:
    process_id, is_wanted, by, reason, at = values
    return WishRow(process_id=process_id, is_wanted=is_wanted, by=by, reason=reason, at=at)
