"""A registry on SQLite, with clients that need no sockets, and a server for those that do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from registry.app import create_app
from registry.running import Registry, run_registry
from registry.server import Server
from registry.store import Store, sqlite_url
from tests.registry.room_parts import FakeKeeper

Start = Callable[..., Awaitable[Registry]]
"""Starts a registry; takes the options of `run_registry`, and `store` for another one than the fixture's."""

Connect = Callable[[Registry], httpx.AsyncClient]
Serve = Callable[[Registry], Awaitable[str]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(sqlite_url(tmp_path / "registry.db"))
    yield store
    store.close()


@pytest.fixture
async def start(store: Store) -> AsyncIterator[Start]:
    """Starts registries, and ends them after the test."""

    async def started(store: Store = store, **options: Any) -> Registry:
        return await stack.enter_async_context(run_registry(store, **options))

    async with AsyncExitStack() as stack:
        yield started


@pytest.fixture
async def registry(start: Start) -> Registry:
    """One that runs, and wants no token."""
    return await start()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients that call the application directly. They send what a program on this machine sends."""

    def connected(registry: Registry) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(create_app(registry), client=("127.0.0.1", 50_000))
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost:3026")
        stack.push_async_callback(client.aclose)
        return client

    async with AsyncExitStack() as stack:
        yield connected


@pytest.fixture
async def client(registry: Registry, connect: Connect) -> httpx.AsyncClient:
    return connect(registry)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers on free ports of this machine; gives their URLs."""

    async def served(registry: Registry) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        server = Server(create_app(registry), registry)
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="server")
        stack.push_async_callback(_end, server, serving)
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.005)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    async with AsyncExitStack() as stack:
        yield served


@pytest.fixture
async def url(registry: Registry, serve: Serve) -> str:
    """A server of `registry`."""
    return await serve(registry)


@pytest.fixture
def keeper() -> FakeKeeper:
    return FakeKeeper()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def _end(server: Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving
