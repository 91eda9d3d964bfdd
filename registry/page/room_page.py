"""A room's page: why there is, or is not, an agent in it; its history and its sessions."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.page import flash
from registry.page.answers import large_html, see
from registry.page.keeper_words import keeper_notices
from registry.page.queries import parse_id
from registry.page.sources import Page, events_of, sessions_of
from registry.running import Registry
from registry.session_records import RoomEvent
from rooms.errors import NotKeepingError
from rooms.views import WhyView

PER_PAGE = 50
"""Rows of the history on a page."""

N_SESSIONS = 10


def room_router(registry: Registry) -> APIRouter:
    """`/rooms/<name>`: with ``before=<id>`` older history, with ``fragment=live`` the part that changes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/rooms/{name:path}")
    async def room_page(request: Request, name: str) -> Response:
        name = name or request.query_params.get("id", "")
        if not name:
            return see("/rooms")
        room, why = registry.keeper.room(name), _why(registry, name)
        before = parse_id(request.query_params.get("before", ""))
        events = _also(await events_of(registry, name, limit=PER_PAGE, before=before), why)
        sessions = await sessions_of(registry, room=name, limit=N_SESSIONS)
        values: dict[str, object] = {
            "name": name,
            "room": room,
            "why": why,
            "events": events,
            "sessions": sessions,
            "keeper_notices": keeper_notices(registry.keeper.state()),
            "registry": registry.view(),
            "now": registry.fleet.clock.utc(),
        }
        if request.query_params.get("fragment") == "live":
            return await large_html("room_now.html", values)
        is_known = room is not None or events.rows or sessions.rows or events.trouble
        values |= {"said": flash.look(request), "has_token": registry.token is not None}
        response = await large_html("room.html", values, status=200 if is_known else 404)
        flash.take_away(response)
        return response

    return router


def _why(registry: Registry, name: str) -> WhyView | None:
    """None = nobody here can say: rooms are not kept."""
    try:
        return registry.keeper.why(name)
    except NotKeepingError:
        return None


def _also(events: Page[RoomEvent], why: WhyView | None) -> Page[RoomEvent]:
    """When the database cannot be read, or is not written yet: what the keeper has in its memory."""
    if events.rows or not events.is_first or why is None:
        return events
    rows = [
        RoomEvent(
            at=event.at,
            room=event.room,
            sid=event.sid,
            kind=event.kind,
            text=event.text,
            by=event.by,
            evidence=event.evidence,
            id=event.id,
        )
        for event in why.events
    ]
    return Page(rows=rows, is_first=True, has_older=False, trouble=events.trouble)
