"""Services on SQLite with language models that are not there; clients with and without sockets."""

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

from config import Settings
from service.app import create_app
from service.running import Service, run_service
from service.server import Server
from service.store import Store, sqlite_url
from tests.service.clocks import FakeClock
from tests.service.fakes import FakeModels

Start = Callable[..., Awaitable[Service]]
"""Starts a service; takes settings by name, and options of `run_service`."""

Connect = Callable[[Service], httpx.AsyncClient]
Serve = Callable[..., Awaitable[str]]
"""Starts a server of a service on a free port; gives its URL. Takes options of `Server`."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
        monkeypatch.delenv(name.upper())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "service.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(sqlite_url(path))
    yield store
    store.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
async def start(store: Store, models: FakeModels, clock: FakeClock) -> AsyncIterator[Start]:
    """Starts services, and ends them after the test."""

    async def started(
        store: Store = store, host: str = "127.0.0.1", reload: Any = Settings, **settings: Any
    ) -> Service:
        return await stack.enter_async_context(
            run_service(
                Settings(**settings), models=models, store=store, host=host, reload=reload, clock=clock.clock
            )
        )

    async with AsyncExitStack() as stack:
        yield started


@pytest.fixture
async def service(start: Start) -> Service:
    """One that runs, and wants no token."""
    return await start()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients that call the application directly. They send what a program on this machine sends."""

    def connected(service: Service) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(create_app(service), client=("127.0.0.1", 50_000))
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost:8080")
        stack.push_async_callback(client.aclose)
        return client

    async with AsyncExitStack() as stack:
        yield connected


@pytest.fixture
async def client(service: Service, connect: Connect) -> httpx.AsyncClient:
    return connect(service)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async def served(service: Service, **options: Any) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        server = Server(create_app(service), service, **options)
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="server")
        stack.push_async_callback(_end, server, serving)
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.005)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    async with AsyncExitStack() as stack:
        yield served


@pytest.fixture
async def url(service: Service, serve: Serve) -> str:
    """A server of `service`."""
    return await serve(service)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def _end(server: Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving
