"""What programs and people ask about rooms, and may do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from registry.api_answers import json_response
from registry.api_requests import read_words
from registry.errors import UnknownRoomError
from registry.openapi import answers, takes
from registry.quoted_ids import unquoted
from registry.room_answers import (
    CloseBody,
    GarbageBody,
    RoomAgents,
    RoomEvents,
    event_view,
    in_room,
)
from registry.room_keeper import RoomKeeper
from registry.session_records import RoomEvent
from registry.sessions import Sessions
from rooms.tokens import LONGEST, check_text
from rooms.views import CloseReport, GarbageReport, RoomList, RoomStats, RoomView, WhyView
from wire.texts import LINE

_ROOMS = "/livekit/rooms"
_ROOM = _ROOMS + "/{room:path}"
_MAX_ROW_ID = 2**53


class RoomHistory(Protocol):
    """What the database knows of rooms. Blocks; raises `StoreError`."""

    def events(self, room: str, *, limit: int, before: int | None = None) -> list[RoomEvent]: ...


async def _unquoted_room(
    room: Annotated[
        str,
        Path(
            description="The room's name, quoted: `a/b` as `a%2Fb`.",
            examples=["agent-1-room"],
            json_schema_extra={"minLength": 1, "maxLength": LONGEST, "pattern": LINE},
        ),
    ],
) -> str:
    name = unquoted(room)
    check_text("room", name)
    return name


RoomKey = Annotated[str, Depends(_unquoted_room)]
"""The parameter `room` of a path, unquoted."""


def add_rooms(
    router: APIRouter,
    *,
    keeper: RoomKeeper,
    history: RoomHistory,
    sessions: Sessions,
    utc: Callable[[], datetime],
) -> None:
    """Add `/livekit/rooms…`, `/livekit/agents`, `/livekit/stats` and `/livekit/gc`.

    Args:
        utc: The registry's clock, which answers that tell moments carry along.
    """
    _add_lists(router, keeper, sessions, utc)
    _add_acts(router, keeper)
    _add_room(router, keeper, history, utc)  # last: its path takes what no other does


def _add_lists(
    router: APIRouter, keeper: RoomKeeper, sessions: Sessions, utc: Callable[[], datetime]
) -> None:
    @router.get(_ROOMS, tags=["rooms"], responses=answers(RoomList))
    async def list_rooms() -> Response:
        """Rooms that LiveKit lists, by name, and the room keeper itself."""
        return _dated(json_response(RoomList(rooms=keeper.rooms(), keeper=keeper.state())), utc)

    @router.get("/livekit/agents", tags=["rooms"], responses=answers(RoomAgents))
    async def list_room_agents() -> Response:
        """Agents that LiveKit lists, by room."""
        found = [in_room(agent, room.name) for room in keeper.rooms() for agent in room.agents]
        return json_response(RoomAgents(agents=tuple(found)))

    @router.get("/livekit/stats", tags=["rooms"], responses=answers(RoomStats))
    async def show_stats() -> Response:
        """How well rooms are kept."""
        return json_response(await sessions.stats(keeper.stats()))


def _add_acts(router: APIRouter, keeper: RoomKeeper) -> None:
    @router.post(
        _ROOM + "/close",
        status_code=202,
        **_told(CloseReport, CloseBody, 404, 409, 413, 502, status=202),
    )
    async def close_room(room: RoomKey, request: Request) -> Response:
        """Let the agents leave, and let none come until the room ends. Humans stay. May be done twice."""
        body = await read_words(request, CloseBody)
        report = await keeper.close(room, by=body.by, reason=body.reason, force=body.force)
        return json_response(report, status=202)

    @router.post("/livekit/gc", **_told(GarbageReport, GarbageBody, 409, 413, 502, may_be_empty=True))
    async def collect_garbage(request: Request) -> Response:
        """Delete rooms and agents that nobody needs, now."""
        body = await read_words(request, GarbageBody, may_be_empty=True)
        report = await keeper.collect_garbage(dry_run=body.dry_run, by=body.by, reason=body.reason)
        return json_response(report)


def _add_room(
    router: APIRouter, keeper: RoomKeeper, history: RoomHistory, utc: Callable[[], datetime]
) -> None:
    @router.get(_ROOM + "/why", tags=["rooms"], responses=answers(WhyView, 409))
    async def explain_room(room: RoomKey) -> Response:
        """Why there is, or is not, an agent in a room. Also of rooms that are not there."""
        return _dated(json_response(keeper.why(room)), utc)

    @router.get(_ROOM + "/events", tags=["rooms"], responses=answers(RoomEvents))
    async def list_room_events(
        room: RoomKey,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[
            int | None,
            Query(ge=1, le=_MAX_ROW_ID, description="Only those with a smaller id: the last one's so far."),
        ] = None,
    ) -> Response:
        """What happened in rooms of that name, the newest first. Also of rooms that are gone."""
        found = await asyncio.to_thread(history.events, room, limit=limit, before=before)
        return json_response(RoomEvents(events=tuple(event_view(event) for event in found)))

    @router.get(_ROOM, tags=["rooms"], responses=answers(RoomView, 404))
    async def show_room(room: RoomKey) -> Response:
        """One room."""
        view = keeper.room(room)
        if view is None:
            raise UnknownRoomError(f"LiveKit has no room {room[:80]!r} now; its history may tell of one")
        return _dated(json_response(view), utc)


def _told(
    answer: type, body: type, *errors: int, status: int = 200, may_be_empty: bool = False
) -> dict[str, Any]:
    return {
        "tags": ["rooms"],
        "responses": answers(answer, *errors, status=status),
        "openapi_extra": takes(body, may_be_empty=may_be_empty),
    }


def _dated(response: Response, utc: Callable[[], datetime]) -> Response:
    """With the moment by the registry's clock, from which whoever reads it counts ages."""
    response.headers["date"] = format_datetime(utc(), usegmt=True)
    return response
