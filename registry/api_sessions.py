"""Sessions: begun by people, told by agents, read by both."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from registry.api_answers import json_response
from registry.api_requests import read_struct
from registry.api_transcripts import TRANSCRIPT, Format, file_of
from registry.beats import read_body
from registry.errors import BadRequestError
from registry.guests import Asked, look_at, not_keeping, remember
from registry.openapi import answers, takes
from registry.prices import Prices
from registry.quoted_ids import unquoted
from registry.room_answers import SessionBody, SessionStarted
from registry.room_keeper import RoomKeeper
from registry.session_views import SessionDetail, SessionList, session_detail, session_view
from registry.sessions import Sessions
from rooms.belonging import agent_named_by
from rooms.tokens import Tokens
from wire import (
    MAX_REPORT_BYTES,
    AgentId,
    BeatError,
    Conversation,
    ReportTaken,
    SessionReport,
    decode_report,
    job_metadata,
)
from wire.texts import LINE, is_line

MOST_TURNS = 500

_SESSION = "/sessions/{session:path}"
_LONGEST_ID = 64
_EXIT_CODES = range(-255, 256)  # a signal's is negative


async def _unquoted_session(
    session: Annotated[
        str,
        Path(
            description="The session's id, which is its incarnation.",
            examples=["5b1f0a57-6c3e-4f0e-9a3c-0d2f6f3f7f10"],
            json_schema_extra={"minLength": 1, "maxLength": _LONGEST_ID, "pattern": LINE},
        ),
    ],
) -> str:
    session_id = unquoted(session)
    if not 0 < len(session_id) <= _LONGEST_ID or not is_line(session_id):
        raise BadRequestError(
            f"session {session_id[:40]!r} is no id; one has 1 to {_LONGEST_ID} characters, and no control character"
        )
    return session_id


SessionKey = Annotated[str, Depends(_unquoted_session)]
"""The parameter `session` of a path, unquoted."""

_Text = Annotated[str | None, Query(max_length=300)]


def add_sessions(
    router: APIRouter,
    *,
    sessions: Sessions,
    keeper: RoomKeeper,
    tokens: Tokens | None,
    prices: Prices | None = None,
) -> None:
    """Add `/sessions…`.

    Args:
        tokens: None = there are no keys, or no rooms are kept.
        prices: None = the listed ones.
    """
    _add_begin(router, keeper, tokens)
    _add_list(router, sessions)
    _add_session(router, sessions, keeper, prices or Prices())


def _add_begin(router: APIRouter, keeper: RoomKeeper, tokens: Tokens | None) -> None:
    @router.post(
        "/sessions",
        tags=["sessions"],
        status_code=201,
        responses=answers(SessionStarted, 409, 413, 502, status=201),
        openapi_extra=takes(SessionBody),
    )
    async def begin_session(request: Request) -> Response:
        """Make a room, a token for it, and see to it that the agent comes."""
        body = await read_struct(request, SessionBody)
        asked = look_at(request, body)
        agent_id, dispatch = _agent_for(asked, dispatch=body.dispatch)
        if tokens is None:
            raise not_keeping(keeper)
        dispatch_id = await keeper.create_room(asked.room, agent_id=agent_id, metadata="", dispatch=dispatch)
        begun = SessionStarted(
            room=asked.room,
            agent_id=agent_id,
            url=tokens.url,
            token=tokens.token(
                asked.guest, room=asked.room, job_metadata=job_metadata(agent_id) if dispatch else None
            ),
            identity=asked.guest.identity,
            dispatch_id=dispatch_id,
        )
        return remember(json_response(begun, status=201), request, asked)


def _agent_for(asked: Asked, *, dispatch: bool | None) -> tuple[AgentId, bool]:
    """Which agent comes to a room, and whether it has to be sent.

    Raises:
        BadRequestError: None would come.
    """
    if asked.agent_id is None:
        raise BadRequestError(f"room {asked.room[:80]!r} names no agent; send agentId as well")
    comes_by_itself = agent_named_by(asked.room) == asked.agent_id
    if dispatch is False and not comes_by_itself:
        raise BadRequestError(
            f"dispatch: room {asked.room[:80]!r} is not named agent-<id>-room, so no agent comes by itself; "
            "leave it out, or send true"
        )
    return asked.agent_id, not comes_by_itself if dispatch is None else dispatch


def _add_list(router: APIRouter, sessions: Sessions) -> None:
    @router.get("/sessions", tags=["sessions"], responses=answers(SessionList))
    async def list_sessions(
        *,
        room: _Text = None,
        agent_id: Annotated[str | None, Query(alias="agentId", max_length=300)] = None,
        is_open: Annotated[
            bool | None, Query(alias="open", description="Only those that go on, or that have ended.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[
            datetime | None,
            Query(description="Only those that began before then: the last one's `startedAt` so far."),
        ] = None,
    ) -> Response:
        """Sessions, the newest first."""
        found = await sessions.find(
            room=room or None, agent_id=agent_id or None, is_open=is_open, limit=limit, before=_utc(before)
        )
        return json_response(SessionList(sessions=tuple(session_view(row) for row in found)))


def _add_session(router: APIRouter, sessions: Sessions, keeper: RoomKeeper, prices: Prices) -> None:
    @router.get(_SESSION + "/turns", tags=["sessions"], responses=answers(Conversation, 404))
    async def show_turns(
        session: SessionKey, limit: Annotated[int, Query(ge=1, le=MOST_TURNS)] = 50
    ) -> Response:
        """What was said last, the oldest first, also in sessions that this one went on with."""
        return json_response(await sessions.conversation(session, limit=limit))

    @router.get(_SESSION + "/transcript", tags=["sessions"], responses=TRANSCRIPT)
    async def export_transcript(session: SessionKey, format: Format = "json") -> Response:
        """What was said in this session, as a file. Where nothing is kept, the file says so."""
        return await file_of(await sessions.record(session), format)

    @router.get(_SESSION, tags=["sessions"], responses=answers(SessionDetail, 404))
    async def show_session(session: SessionKey) -> Response:
        """One session: what happened in it, how long everything took, and an estimate of what its models cost."""
        return json_response(session_detail(await sessions.record(session), prices=prices))

    @router.put(_SESSION, **_TAKES_REPORT)
    async def take_report(session: SessionKey, request: Request) -> Response:
        """For agents: what was said, and how it ended. Taken when it is durable; may be sent again."""
        data = await read_body(request.receive, limit=MAX_REPORT_BYTES)
        kept = await sessions.report(session, _report(data))
        taken = ReportTaken(n_turns=kept.n_turns, n_events=kept.n_events, keeps_rooms=_keeps_rooms(keeper))
        return json_response(taken)


def _keeps_rooms(keeper: RoomKeeper) -> bool:
    """Whether this registry keeps rooms, or another one on its database does."""
    state = keeper.state()
    return state.is_on and state.is_led and state.is_reachable


_TAKES_REPORT: dict[str, Any] = {
    "tags": ["sessions"],
    "responses": answers(ReportTaken, 413),
    "openapi_extra": takes(SessionReport),
}


def _report(data: bytes) -> SessionReport:
    """A report, with its texts and the order of its turns checked. Raises `BadRequestError`."""
    try:
        report = decode_report(data)
    except BeatError as error:
        raise BadRequestError(str(error)) from error
    lines = {
        "agentId": report.agent_id,
        "rowId": report.row_id,
        "room": report.room,
        "roomSid": report.room_sid,
        "jobId": report.job_id,
        "host": report.host,
        "resumes": report.resumes,
        "ended.reason": None if report.ended is None else report.ended.reason,
        **{f"events[{index}].text": event.text for index, event in enumerate(report.events)},
    }
    for where, text in lines.items():
        if text is not None and not is_line(text):
            raise BadRequestError(f"{where}: {text[:40]!r} holds a control character; leave it out")
    code = None if report.ended is None else report.ended.exit_code
    if code is not None and code not in _EXIT_CODES:
        raise BadRequestError(f"ended.exitCode: {code} is no exit code; one is from -255 to 255")
    for what, numbered in (("turns", report.turns), ("events", report.events)):
        numbers = [one.number for one in numbered]
        if any(one >= other for one, other in pairwise(numbers)):
            raise BadRequestError(f"{what}: their numbers do not grow: {str(numbers)[:80]}")
    return report


def _utc(moment: datetime | None) -> datetime | None:
    """`moment` in UTC, which is meant where nothing is said."""
    if moment is None or moment.tzinfo is None:
        return None if moment is None else moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise BadRequestError(f"before: {moment} is no moment of UTC") from error
