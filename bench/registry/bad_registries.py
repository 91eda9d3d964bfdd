"""Registries as no sender deserves them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from stack.ports import free_port

REFUSES = "refuses connections"
HANGS = "takes requests and never answers"
RUBBISH = "answers rubbish"
FAILS = "answers with 500"

KINDS = (REFUSES, HANGS, RUBBISH, FAILS)

_ANSWERS = {
    RUBBISH: b"\x00\xff{]rubbish\r\n\r\n" * 1_000,
    FAILS: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\nConnection: close\r\n\r\nouch\n",
}


@dataclass(slots=True, kw_only=True)
class BadRegistry:
    url: str
    n_connections: int = 0
    """So far; one that refuses them sees none."""


@asynccontextmanager
async def bad_registry(kind: str) -> AsyncIterator[BadRegistry]:
    """One of `KINDS`, on a free port, in this process."""
    port = free_port()
    bad = BadRegistry(url=f"http://127.0.0.1:{port}")
    if kind == REFUSES:
        yield bad
        return

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bad.n_connections += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            if kind == HANGS:
                await reader.read()  # until the sender gives up
            else:
                writer.write(_ANSWERS[kind])
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # the sender has given up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield bad
    finally:
        server.close()
