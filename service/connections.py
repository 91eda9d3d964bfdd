"""Connections whose clients do not read are given up."""

from __future__ import annotations

import asyncio
import logging

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

logger = logging.getLogger(__name__)

UNREAD_TIMEOUT = 30.0
"""Seconds in which a client must take some of what waits for it (64 KB or more): else it holds an answer, its thread
and its model for ever. It is looked at here and not where answers are sent, for only here can what waits be dropped;
a connection that is merely closed stays until it is read."""


class Connection(HttpToolsProtocol):
    """uvicorn's, with that limit. An answer that is cut off so ends as if its client had gone away."""

    _giving_up: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """More waits than should: the client has fallen behind."""
        super().pause_writing()
        if self._giving_up is None:
            self._giving_up = self.loop.call_later(UNREAD_TIMEOUT, self._give_up)

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        logger.info("a client does not read its answer, it is cut off", extra={"action": "service.unread"})
        self.transport.abort()

    def _stop_timer(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
