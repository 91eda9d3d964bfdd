"""uvicorn, set up for the registry."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

from registry.beat_protocol import Headers, Renew, for_registry
from registry.guard import Guard
from registry.line_protocol import LineProtocol
from registry.running import Registry
from registry.status import PING_TIMEOUT
from wire import MAX_FRAME_BYTES

PING_INTERVAL = 3.0
"""Seconds between two pings on a line. A dead host is found after it and `PING_TIMEOUT` at most."""

_CLOSE_TIMEOUT = 3
"""Seconds that open requests have when the registry ends."""


class Server(uvicorn.Server):
    """Serves a registry's application until `should_exit`.

    uvicorn waits for open requests before it tells anybody that it ends, and event streams would never end by
    themselves; so the registry is told first.
    """

    def __init__(self, app: ASGIApp, registry: Registry) -> None:
        self._registry = registry
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                lifespan="off",
                http=for_registry(_short_way(app, registry)),
                ws=LineProtocol,
                ws_max_size=MAX_FRAME_BYTES,
                ws_ping_interval=PING_INTERVAL,
                ws_ping_timeout=PING_TIMEOUT,
                timeout_graceful_shutdown=_CLOSE_TIMEOUT,
                server_header=False,
                date_header=False,
                proxy_headers=False,  # `Front` looks at them where they matter
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._registry.begin_closing()
        await super().shutdown(sockets)


def _short_way(app: ASGIApp, registry: Registry) -> Renew:
    """Takes beats that say nothing new, from whoever was let in before."""

    def renew(headers: Headers, body: bytes) -> bytes | None:
        if not isinstance(app, Guard) or not app.knows(headers):
            return None
        answer = registry.beats.renew(body)
        if answer is None:
            return None
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            len(answer),
            answer,
        )

    return renew
