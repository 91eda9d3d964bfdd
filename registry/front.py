"""What is tried before the web framework: beats, which must not pay for it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from wire import BEATS_PATH


class Front:
    """Sends beats on the short way, and the rest to the application.

    Measured: a beat costs 45 to 55 µs on the short way, and 112 to 140 through FastAPI.

    Args:
        beats: Takes `POST /api/beats`.
        app: Everything else. It is told by a proxy on this machine who really asks; beats do without.
    """

    def __init__(self, beats: ASGIApp, app: ASGIApp) -> None:
        self._beats = beats
        self._app: ASGIApp = ProxyHeadersMiddleware(app)  # type: ignore[arg-type, assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == BEATS_PATH:
            await self._beats(scope, receive, send)
        else:
            await self._app(scope, receive, send)
