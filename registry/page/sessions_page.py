"""The list of sessions. Nothing that was said stands in it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry import groups
from registry.page.queries import moment_text, parse_moment
from registry.page.session_answers import answer
from registry.page.sources import sessions_of
from registry.running import Registry

PER_PAGE = 50

_LONGEST = 300
"""Characters of a value in an address."""

_STATES: Mapping[str, bool | None] = {"": None, "open": True, "over": False}


def sessions_router(registry: Registry) -> APIRouter:
    """`/sessions` with ``room``, ``agent``, ``group``, ``state`` (``open``, ``over``) and ``before``.

    With ``fragment=live`` the part that changes.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/sessions")
    async def sessions_page(request: Request) -> Response:
        query = request.query_params
        room, agent_id = query.get("room", "")[:_LONGEST], query.get("agent", "")[:_LONGEST]
        state = query.get("state", "") if query.get("state", "") in _STATES else ""
        group = query.get("group", "").strip()[:_LONGEST]
        known_groups = await registry.groups.look()
        sessions = await sessions_of(
            registry,
            limit=PER_PAGE,
            room=room or None,
            agent_id=agent_id or None,
            agent_ids=groups.members(known_groups, group) if group else None,
            is_open=_STATES[state],
            before=parse_moment(query.get("before", "")),
        )
        return await answer(
            registry,
            request,
            "sessions",
            {
                "sessions": sessions,
                "room": room,
                "agent_id": agent_id,
                "group": group,
                "groups": groups.names(known_groups, group),
                "state": state,
                "older": moment_text(sessions.rows[-1].started_at) if sessions.has_older else "",
            },
        )

    return router
