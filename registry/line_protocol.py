"""uvicorn's WebSocket, which also tells the application why it gave a connection up."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PING_TIMED_OUT = "keepalive ping timeout"
"""Reason of a disconnect after a ping that was not answered."""


class LineProtocol(WebSocketsSansIOProtocol):
    """A connection that dies of silence is told apart from one that the other end closed.

    uvicorn 0.54 reports both as code 1005 without a reason.
    """

    def keepalive_timeout(self) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006, "reason": PING_TIMED_OUT})
        super().keepalive_timeout()
