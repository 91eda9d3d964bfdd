"""Many equal requests at one moment, with as little work for each as can be: the load must not be what is measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

_HOST = "127.0.0.1"
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    took: float
    """Seconds."""

    status: int
    """HTTP's; 0 when the connection broke."""

    body: dict[str, Any]


class Line(asyncio.Protocol):
    """One open connection, for one request at a time. Knows answers with a length and answers in chunks."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._done: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, port: int) -> Self:
        _, line = await asyncio.get_running_loop().create_connection(cls, _HOST, port)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._done is not None and not self._done.done() and _is_whole(self._received):
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionError("it ended"))

    async def ask(self, request: bytes) -> Reply:
        """Send a whole request and wait for the whole answer."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._received.clear()
        self._done = loop.create_future()
        began_at = loop.time()
        self._transport.write(request)
        try:
            await self._done
        except OSError:
            return Reply(took=loop.time() - began_at, status=0, body={})
        took = loop.time() - began_at
        head, _, body = bytes(self._received).partition(_END_OF_HEAD)
        return Reply(took=took, status=int(head.split(b" ", 2)[1]), body=_json(body))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def lines(port: int, n: int) -> list[Line]:
    return [await Line.open(port) for _ in range(n)]


async def burst(open_lines: Sequence[Line], request: bytes) -> list[Reply]:
    """The same request on each of them at once."""
    return await asyncio.gather(*(line.ask(request) for line in open_lines))


def post(path: str, body: dict[str, Any], *, port: int) -> bytes:
    """A request, as bytes."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {_HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _is_whole(received: bytearray) -> bool:
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return False
    for line in bytes(received[:end]).lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(received) >= end + len(_END_OF_HEAD) + int(value)
    return received.endswith(b"0\r\n\r\n")


def _json(body: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        decoded = json.loads(body)
        if isinstance(decoded, dict):
            return decoded
    return {}
