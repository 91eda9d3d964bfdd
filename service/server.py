"""uvicorn, set up for the agent service."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from service.connections import Connection
from service.running import Service

NAME = "roomkeeper"
"""What answers say that they come from. Discovery knows by it that this is no language model."""

END_LIMIT = 10.0
"""Seconds that running answers have to end by themselves when the service ends."""

_CUT_BEFORE = 1.0
"""Seconds before that in which those that still run are told that nothing more will come."""

_DROP_BEFORE = 0.5
"""Seconds before that in which clients that do not even read that are given up."""


class Server(uvicorn.Server):
    """Serves a service's application until `should_exit`.

    Args:
        app: What is served.
        service: Is told when the end begins.
        end_limit: Seconds that all of it may take then.
        on_signal: Called in the handler of the signal that ends it, so that nothing can come before.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        *,
        end_limit: float = END_LIMIT,
        on_signal: Callable[[], None] | None = None,
    ) -> None:
        self._service = service
        self._end_limit = end_limit
        self._on_signal = on_signal
        self.ended_by: int | None = None
        """The signal that told it to end."""

        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                lifespan="off",
                http=Connection,
                ws="none",
                timeout_graceful_shutdown=round(end_limit),
                server_header=False,
                date_header=False,
                headers=[("server", NAME)],
                proxy_headers=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.ended_by = sig
        if self._on_signal is not None:
            self._on_signal()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.begin_closing()
        loop = asyncio.get_running_loop()
        steps = [
            loop.call_later(max(0.0, self._end_limit - before), step)
            for before, step in ((_CUT_BEFORE, self._service.answers.cut), (_DROP_BEFORE, self._drop))
        ]
        try:
            await super().shutdown(sockets)
        finally:
            for step in steps:
                step.cancel()

    def _drop(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
