from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from llm.discovery.asking import Limits, http_only
from llm.discovery.probing import Prober
from tests.llm.discovery.shapes import Routes, Said

PATIENT = Limits(connect=4.0, total=4.0)
"""For what must be found, however busy the machine is that runs the test."""

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Server:
    """A server at 127.0.0.1, or at a Unix socket."""

    port: int
    asked: list[str] = field(default_factory=list)
    """Paths, with their queries, in order."""


class Servers:
    """Starts servers, and stops them after the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def http(self, routes: Routes, *, socket: Path | None = None, host: str = "127.0.0.1") -> Server:
        server = Server(port=0)

        async def answer(request: web.Request) -> web.Response:
            server.asked.append(request.path_qs)
            said = routes.get(request.path, Said(status=404, body='{"detail":"Not Found"}'))
            if isinstance(said, str):
                said = Said(body=said)
            elif not isinstance(said, Said):
                said = Said(body=json.dumps(said), type="application/json")
            return web.Response(
                status=said.status, text=said.body, content_type=said.type, headers=said.headers
            )

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        if socket is not None:
            await web.UnixSite(runner, str(socket)).start()
        else:
            await web.TCPSite(runner, host, 0).start()
            server.port = int(runner.addresses[0][1])
        return server

    async def tcp(self, talk: Talk) -> int:
        """A server that does with a connection what `talk` does; gives its port."""

        async def talk_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()

        listener = await asyncio.start_server(talk_and_close, "127.0.0.1", 0)
        self._stack.callback(listener.close)
        return int(listener.sockets[0].getsockname()[1])

    async def hanging(self, is_asked: asyncio.Event | None = None) -> int:
        """A server that takes connections and says nothing; gives its port.

        Args:
            is_asked: Set when somebody connects.
        """
        is_over = asyncio.Event()
        self._stack.callback(is_over.set)

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if is_asked is not None:
                is_asked.set()
            await is_over.wait()

        return await self.tcp(hang)


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        yield Servers(stack)
        await stack.aclose()
        await asyncio.sleep(0)


@pytest.fixture
async def prober() -> AsyncIterator[Prober]:
    async with http_only() as client:
        yield Prober(client, here=PATIENT, elsewhere=PATIENT)


@pytest.fixture
def free_port(unused_tcp_port: int) -> int:
    """A port where nobody listens."""
    return unused_tcp_port
