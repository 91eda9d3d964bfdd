"""Servers that say one odd thing each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from llm.chunks import Chunk
from llm.endpoints import Endpoint, Source
from llm.outcomes import AskingError
from llm.transport import Transport
from stack.llm_stub import LlmStub
from tests.llm.stage import HELLO, end, role, word

Take = Callable[[web.Request], Awaitable[web.StreamResponse]]

EVENTS = {"Content-Type": "text/event-stream"}


@dataclass(slots=True)
class Server:
    """A server that counts."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    """Of all requests, in order."""
    asked_models: list[str] = field(default_factory=list)
    authorization: str | None = None
    connections: set[int] = field(default_factory=set)
    """Ports that its clients came from."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].removesuffix("/v1"))


class Servers:
    """Starts servers, and stops them after the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def http(self, take: Take, *, host: str = "127.0.0.1") -> Server:
        """A server that answers every request like this."""
        server = Server()

        async def handle(request: web.Request) -> web.StreamResponse:
            server.paths.append(request.path)
            server.authorization = request.headers.get("Authorization")
            assert request.transport is not None
            server.connections.add(request.transport.get_extra_info("peername")[1])
            if request.method == "POST":
                server.asked_models.append((await request.json())["model"])
            return await take(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handler_cancellation=True)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, 0).start()
        shown = f"[{host}]" if ":" in host else host
        server.url = f"http://{shown}:{runner.addresses[0][1]}/v1"
        return server

    async def refusing(self, status: int, message: str, **fields: Any) -> Server:
        """All requests end in this error."""

        async def take(_: web.Request) -> web.Response:
            return web.json_response({"error": {"message": message, **fields}}, status=status)

        return await self.http(take)

    async def picky(self, *models: str) -> Server:
        """Knows these models, does not list them, and says its model's name."""

        async def take(request: web.Request) -> web.StreamResponse:
            if request.method == "GET":
                return web.Response(status=404)
            model = (await request.json())["model"]
            if model not in models:
                return web.json_response({"error": {"message": f"model {model} not found"}}, status=404)
            return await send(request, *events(role(), word(f"{model} "), word("here"), end()))

        return await self.http(take)

    async def sending(self, *parts: bytes | float, headers: dict[str, str] | None = None) -> Server:
        """Sends these bytes to whoever asks; a number is seconds of silence."""

        async def take(request: web.Request) -> web.StreamResponse:
            return await send(request, *parts, headers=headers)

        return await self.http(take)


async def send(
    request: web.Request, *parts: bytes | float, headers: dict[str, str] | None = None, status: int = 200
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers or EVENTS)
    await response.prepare(request)
    for part in parts:
        if isinstance(part, bytes):
            await response.write(part)
        else:
            await asyncio.sleep(part)
    await response.write_eof()
    return response


def events(*chunks: dict[str, Any]) -> list[bytes]:
    """As frames of a stream, with the last one that says so."""
    return [*(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks), b"data: [DONE]\n\n"]


# -- asking them

BODY = {"model": "m", "messages": HELLO.messages}


def at(server: Server | LlmStub | str, **fields: Any) -> Endpoint:
    url = server if isinstance(server, str) else server.url
    return Endpoint(base_url=url, source=Source.URL, **fields)


async def chunks_of(transport: Transport, endpoint: Endpoint, body: Mapping[str, Any] = BODY) -> list[Chunk]:
    async with transport.answer(endpoint, body) as chunks:
        return [chunk async for chunk in chunks]


async def error_of(transport: Transport, endpoint: Endpoint, body: Mapping[str, Any] = BODY) -> AskingError:
    with pytest.raises(AskingError) as caught:
        await chunks_of(transport, endpoint, body)
    return caught.value


async def list_error_of(transport: Transport, endpoint: Endpoint, *, limit: float = 5.0) -> AskingError:
    with pytest.raises(AskingError) as caught:
        await transport.models(endpoint, limit=limit)
    return caught.value
