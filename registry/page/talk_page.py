"""The page on which a human talks to an agent. All of the call is in the browser; this serves what it starts with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.page.answers import HEADERS, html, see
from registry.running import Registry
from registry.store import StoreError
from rooms.tokens import browser_url, room_for
from wire import AgentId, AgentIdError, parse_agent_id

BUNDLE = Path(__file__).parent / "static" / "talk"
"""What `scripts/build-web` makes of `web/`."""

_FILES = ("start.js", "talk.js")
_CLOUD = ".livekit.cloud"
_NOT_KEEPING = (
    "This registry keeps no rooms, so nobody can be let into one: set LIVEKIT_URL, LIVEKIT_API_KEY and "
    "LIVEKIT_API_SECRET where it runs."
)


def talk_router(registry: Registry) -> APIRouter:
    """`/talk/<agent id>`: also of an agent that nobody has heard of yet, for it may come when it is called."""
    router = APIRouter(include_in_schema=False)

    @router.get("/talk/{agent_id:path}")
    async def talk_page(request: Request, agent_id: str) -> Response:
        agent_id = agent_id or request.query_params.get("id", "")
        if not agent_id:
            return see("/")
        has_token = registry.token is not None
        try:
            wanted = parse_agent_id(agent_id)
        except AgentIdError as error:
            return html("talk_nobody.html", {"trouble": str(error), "has_token": has_token}, status=404)
        keeper = registry.keeper.state()
        login = registry.rooms.login
        public_url = None if login is None else login.public_url
        livekit_url = browser_url(public_url or keeper.livekit_url or "") if keeper.is_on else ""
        values: dict[str, object] = {
            "agent_id": wanted,
            "name": await _name(registry, wanted),
            "livekit_url": livekit_url,
            "humans": _humans(registry, wanted),
            "trouble": "" if livekit_url else keeper.trouble or _NOT_KEEPING,
            "has_token": has_token,
        }
        template = "talk.html" if await asyncio.to_thread(is_built) else "talk_unbuilt.html"
        response = html(template, values)
        response.headers.update(policies(livekit_url))
        return response

    return router


def is_built() -> bool:
    """Whether the browser's half of the page is there."""
    return all((BUNDLE / name).is_file() for name in _FILES)


def policies(livekit_url: str) -> dict[str, str]:
    """Headers that let the page reach LiveKit and use what a call needs, beyond those of every page.

    Args:
        livekit_url: By ws:// or wss://; empty = LiveKit is nowhere.
    """
    sources = ["'self'", *_livekit_sources(livekit_url)]
    return {
        "Content-Security-Policy": f"{HEADERS['Content-Security-Policy']}; connect-src {' '.join(sources)}",
        "Permissions-Policy": "microphone=(self), camera=(self), display-capture=(self), autoplay=(self)",
    }


def _livekit_sources(url: str) -> list[str]:
    """Where the browser may connect to. LiveKit's client asks by HTTP, too, how to connect and why it could not."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.netloc or set(parts.netloc) & set(" ;,'\""):
        return []
    http = "https" if parts.scheme == "wss" else "http"
    # LiveKit Cloud sends browsers to the region that is next to them, which is a host of its own.
    places = [parts.netloc, *([f"*{_CLOUD}"] if (parts.hostname or "").endswith(_CLOUD) else [])]
    return [f"{scheme}://{place}" for place in places for scheme in (parts.scheme, http)]


def _humans(registry: Registry, agent_id: AgentId) -> int:
    """How many humans are in the agent's own room, as far as the room keeper knows."""
    name, _ = room_for(None, agent_id)
    room = registry.keeper.room(name)
    return 0 if room is None else len(room.humans)


async def _name(registry: Registry, agent_id: AgentId) -> str:
    """What the agent is called, as far as anybody knows; else its id."""
    agent = registry.fleet.find(agent_id)
    if agent is not None and agent.beat.name:
        return agent.beat.name
    try:
        stored = await asyncio.to_thread(registry.store.profiles.get, agent_id)
    except StoreError:
        stored = None
    return agent_id if stored is None or not stored.profile.name else stored.profile.name
