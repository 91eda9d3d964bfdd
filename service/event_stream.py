"""Server-sent events of one answer."""

from __future__ import annotations

import asyncio

from starlette.types import Send

from service.replies import Headers, as_json

_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # or nginx would keep the words until the end
)
_COMMENT = b": still there\n\n"


class EventStream:
    """Begins with the first event, so that what goes wrong before it can have an HTTP status of its own."""

    def __init__(self, send: Send) -> None:
        self.is_begun = False
        self._send = send
        self._lock = asyncio.Lock()  # signs of life come from another task

    async def event(self, value: object, *, name: bytes | None = None, headers: Headers = ()) -> None:
        """Send `value` as JSON.

        Args:
            value: Anything that JSON holds.
            name: Of the event; None = it has none.
            headers: Of the response, should this be the first event.
        """
        head = b"" if name is None else b"event: " + name + b"\n"
        await self.write(head + b"data: " + as_json(value) + b"\n\n", headers=headers)

    async def still_there(self) -> None:
        """Send a comment, which clients ignore."""
        await self.write(_COMMENT)

    async def write(self, data: bytes, *, headers: Headers = ()) -> None:
        """Send an event that is written out already."""
        async with self._lock:
            if not self.is_begun:
                self.is_begun = True
                await self._send(
                    {"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *headers]}
                )
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """The stream is over, as it should be."""
        async with self._lock:
            await self._send({"type": "http.response.body", "body": b""})
