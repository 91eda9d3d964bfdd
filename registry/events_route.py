"""Server-sent events: responses that go on until the browser or the registry ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from registry.events import STILL_THERE, event
from registry.replies import as_json
from registry.running import Registry


class EventStream(Response):
    """Sends messages as they come.

    Each is sent before the next one is taken, so a browser that does not read holds up its own messages only; whoever
    makes them has to bound how many wait. Starlette's own stream costs three tasks and says less about its end.

    Args:
        messages: Server-sent events as bytes. Closed when the stream is over.
    """

    media_type = "text/event-stream"

    def __init__(self, messages: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send), name="registry-events-send")
        leaving = asyncio.create_task(_gone(receive), name="registry-events-gone")
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait({sending, leaving})
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._messages) as messages:
            async for message in messages:
                await send({"type": "http.response.body", "body": message, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def changes(registry: Registry) -> AsyncGenerator[bytes, None]:
    """The registry as it is now, and then what changes."""
    reader = registry.events.open()
    try:
        yield event("hello", as_json({"registry": registry.view()}))
        async for message in reader.messages():
            yield message
    finally:
        registry.events.close(reader)


async def log_lines(
    start: list[str], news: AsyncGenerator[tuple[bool, list[str]], None]
) -> AsyncGenerator[bytes, None]:
    """An agent's last lines, and then new ones."""
    async with aclosing(news):
        yield event("start", as_json({"lines": start}))
        async for _, lines in news:
            yield event("lines", as_json({"lines": lines})) if lines else STILL_THERE


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
