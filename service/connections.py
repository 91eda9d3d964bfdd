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

    _looking: asyncio.TimerHandle | None = None
    _n_waiting = 0
    """Bytes that had not been taken at the last look."""

    def pause_writing(self) -> None:
        """More waits than should: the client has fallen behind."""
        super().pause_writing()
        if self._looking is None:
            self._look_later()

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        self._stop_looking()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody any more."""
        self._stop_looking()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._n_waiting = self.transport.get_write_buffer_size()
        self._looking = self.loop.call_later(UNREAD_TIMEOUT, self._look)

    def _look(self) -> None:
        if self.transport.get_write_buffer_size() < self._n_waiting:
            self._look_later()
            return
        logger.info("a client does not read its answer, it is cut off", extra={"action": "service.unread"})
        self.transport.abort()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
