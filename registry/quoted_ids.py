"""Names in addresses: agents' ids, rooms, sessions. They may hold anything, slashes too, which are sent as ``%2F``.

Servers unquote the path before routes are tried, and then nobody can tell the slash of an id from the one after it.
So these routes are tried on the path as it was sent, and each unquotes the id by itself. A slash that was not quoted
is taken as the id's as well, except before the last part of the routes that have one (``/history``).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote_to_bytes

from fastapi import Depends, Path
from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIXES = ("/api/agents/", "/api/livekit/rooms/", "/api/sessions/")


class QuotedIds:
    """Leaves the paths of agents, rooms and sessions quoted for the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_PREFIXES):
            raw: bytes | None = scope.get("raw_path")
            path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
            scope = {**scope, "path": path}
        await self._app(scope, receive, send)


def unquoted(part: str) -> str:
    """A part of such a path, as it was meant. What is no UTF-8 becomes U+FFFD."""
    return unquote_to_bytes(part.encode("latin-1")).decode("utf-8", "replace")


async def _unquoted_agent(
    agent_id: Annotated[
        str,
        Path(
            description="The agent's id, quoted: `a/b` as `a%2Fb`.",
            examples=["worker-1"],
            json_schema_extra={"minLength": 1},
        ),
    ],
) -> str:
    return unquoted(agent_id)


AgentKey = Annotated[str, Depends(_unquoted_agent)]
"""The parameter `agent_id` of a path, unquoted."""
