"""Lets a human into a room: which one, under which identity, and with which token."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from registry.errors import NotKeepingError
from registry.room_answers import TokenBody
from registry.room_keeper import RoomKeeper
from rooms.tokens import Guest, guest_for, room_for
from wire import AgentId

COOKIE = "roomkeeper_identity"

_LIFE = 365 * 86_400
_RANDOM = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for, found to be possible."""

    room: str
    agent_id: AgentId | None
    """None = the room's name tells no agent, and nobody else does."""

    guest: Guest
    browser: str | None
    """What the browser is to keep; None = the identity was given."""


def not_keeping(keeper: RoomKeeper) -> NotKeepingError:
    """Why nothing can be signed here, and no signature checked."""
    return NotKeepingError(
        keeper.state().trouble
        or "this registry keeps no rooms; set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET where it runs"
    )


def look_at(request: Request, body: TokenBody) -> Asked:
    """What `body` asks for. Raises `rooms.tokens.GuestError`."""
    room, agent_id = room_for(body.room, body.agent_id)
    kept = request.cookies.get(COOKIE, "")
    browser = kept if _RANDOM.fullmatch(kept) else secrets.token_hex(12)
    guest = guest_for(body.identity, name=body.name, role=body.role, unnamed=browser)
    return Asked(
        room=room, agent_id=agent_id, guest=guest, browser=browser if body.identity is None else None
    )


def remember(response: Response, request: Request, asked: Asked) -> Response:
    """Let the browser be the same human next time."""
    if asked.browser is not None:
        response.set_cookie(
            COOKIE,
            asked.browser,
            max_age=_LIFE,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
    return response
