"""Sessions: the list of them, and one with what was said in it. Transcripts are shown there only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.page import flash
from registry.page.answers import large_html, see
from registry.page.queries import moment_text, parse_moment
from registry.page.sources import sessions_of
from registry.running import Registry
from registry.store import StoreError

PER_PAGE = 50

MOST_TURNS = 500
"""Turns on a session's page, the last ones."""

_LONGEST = 300
"""Characters of a value in an address."""

_STATES: Mapping[str, bool | None] = {"": None, "open": True, "over": False}


def sessions_router(registry: Registry) -> APIRouter:
    """`/sessions` with ``room``, ``agent``, ``state`` (``open`` or ``over``) and ``before``; `/sessions/<id>`.

    Both with ``fragment=live`` for the part that changes.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/sessions")
    async def sessions_page(request: Request) -> Response:
        query = request.query_params
        room, agent_id = query.get("room", "")[:_LONGEST], query.get("agent", "")[:_LONGEST]
        state = query.get("state", "") if query.get("state", "") in _STATES else ""
        sessions = await sessions_of(
            registry,
            limit=PER_PAGE,
            room=room or None,
            agent_id=agent_id or None,
            is_open=_STATES[state],
            before=parse_moment(query.get("before", "")),
        )
        return await _answer(
            registry,
            request,
            "sessions",
            {
                "sessions": sessions,
                "room": room,
                "agent_id": agent_id,
                "state": state,
                "older": moment_text(sessions.rows[-1].started_at) if sessions.has_older else "",
            },
        )

    @router.get("/sessions/{session_id:path}")
    async def session_page(request: Request, session_id: str) -> Response:
        session_id = session_id or request.query_params.get("id", "")
        if not session_id:
            return see("/sessions")
        values: dict[str, object] = {"session_id": session_id, "session": None, "turns": (), "trouble": ""}
        sessions = registry.store.sessions
        try:
            session, turns = await asyncio.gather(
                asyncio.to_thread(sessions.get, session_id),
                asyncio.to_thread(sessions.turns, session_id, limit=MOST_TURNS),
            )
        except StoreError as error:
            return await _answer(registry, request, "session", {**values, "trouble": str(error)})
        if session is None:
            return await _answer(registry, request, "session", values, status=404)
        values |= {"session": session, "turns": turns, "is_cut": len(turns) >= MOST_TURNS}
        return await _answer(registry, request, "session", values)

    return router


async def _answer(
    registry: Registry, request: Request, name: str, values: Mapping[str, object], *, status: int = 200
) -> Response:
    shared = {"now": registry.fleet.clock.utc(), "registry": registry.view()}
    if request.query_params.get("fragment") == "live":
        return await large_html(f"{name}_now.html", {**shared, **values}, status=status)
    shared |= {"said": flash.look(request), "has_token": registry.token is not None}
    response = await large_html(f"{name}.html", {**shared, **values}, status=status)
    flash.take_away(response)
    return response
