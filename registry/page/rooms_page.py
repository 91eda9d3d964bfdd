"""All rooms: who is in them, and what the keeper makes of them."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry import groups
from registry.page import flash, tones
from registry.page.answers import large_html
from registry.page.keeper_words import keeper_notices
from registry.page.queries import page_number
from registry.page.sources import Stats
from registry.running import Registry
from rooms.views import RoomView

PER_PAGE = 100

_LONGEST = 300
"""Characters of a value in an address."""

TROUBLE = "trouble"
"""Stands among the phases for the rooms that are red."""

_PHASES = (*tones.PHASES, TROUBLE)


def rooms_router(registry: Registry) -> APIRouter:
    """`/rooms`, with ``phase`` and ``group`` those of one, and with ``fragment=live`` the part of it that changes."""
    router = APIRouter(include_in_schema=False)
    stats = Stats(registry)

    @router.get("/rooms")
    async def rooms_page(request: Request) -> Response:
        values = await _live_values(registry, request, stats)
        if request.query_params.get("fragment") == "live":
            return await large_html("rooms_now.html", values)
        values |= {"said": flash.look(request), "has_token": registry.token is not None}
        response = await large_html("rooms.html", values)
        flash.take_away(response)
        return response

    return router


def parse_phase(text: str) -> str:
    """A phase, or `TROUBLE`; empty = all."""
    return text if text in _PHASES else ""


async def _live_values(registry: Registry, request: Request, stats: Stats) -> dict[str, object]:
    state, rooms = registry.keeper.state(), registry.keeper.rooms()
    phase = parse_phase(request.query_params.get("phase", ""))
    group = request.query_params.get("group", "").strip()[:_LONGEST]
    known_groups = await registry.groups.look()
    if group:
        rooms = tuple(room for room in rooms if room.agent_id and known_groups.get(room.agent_id) == group)
    chosen = sorted((room for room in rooms if _is_chosen(room, phase)), key=_order)
    n_pages = max(1, -(-len(chosen) // PER_PAGE))
    page = min(page_number(request.query_params.get("page", "")), n_pages)
    n_red = sum(room.trouble is not None for room in rooms)
    counted = Counter(room.phase for room in rooms)
    return {
        "keeper": state,
        "keeper_notices": keeper_notices(state),
        "rooms": chosen[(page - 1) * PER_PAGE : page * PER_PAGE],
        "counts": [(each, n_red if each == TROUBLE else counted[each]) for each in _PHASES],
        "n_rooms": len(rooms),
        "phase": phase,
        "group": group,
        "groups": groups.names(known_groups, group),
        "page": page,
        "n_pages": n_pages,
        "stats": await stats.look() if state.is_on else None,
        "registry": registry.view(),
        "now": registry.fleet.clock.utc(),
        "title": f"{n_red} in trouble · Rooms · Roomkeeper" if n_red else "Rooms · Roomkeeper",
        "is_trouble": n_red > 0,
    }


def _is_chosen(room: RoomView, phase: str) -> bool:
    return phase in ("", room.phase) or (phase == TROUBLE and room.trouble is not None)


def _order(room: RoomView) -> tuple[bool, str]:
    """Trouble first."""
    return room.trouble is None, room.name
