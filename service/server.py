"""uvicorn, set up for the agent service."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp

from service.running import Service

NAME = "roomkeeper"
"""What answers say that they come from. Discovery knows by it that this is no language model."""

END_LIMIT = 10.0
"""Seconds that running answers have to end by themselves when the service ends."""

_CUT_BEFORE = 1.0
"""Seconds before that in which those that still run are told that nothing more will come."""


class Server(uvicorn.Server):
    """Serves a service's application until `should_exit`.

    Args:
        app: What is served.
        service: Is told when the end begins.
        end_limit: Seconds that running answers have then.
    """

    def __init__(self, app: ASGIApp, service: Service, *, end_limit: float = END_LIMIT) -> None:
        self._service = service
        self._end_limit = end_limit
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                lifespan="off",
                http="httptools",
                ws="none",
                timeout_graceful_shutdown=round(end_limit),
                server_header=False,
                date_header=False,
                headers=[("server", NAME)],
                proxy_headers=False,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.begin_closing()
        loop = asyncio.get_running_loop()
        cut = loop.call_later(max(0.0, self._end_limit - _CUT_BEFORE), self._service.answers.cut)
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()
