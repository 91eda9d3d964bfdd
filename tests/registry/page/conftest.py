"""A registry with its page, and a browser that looks at it.

The browser is started once, so all tests of this folder share one event loop.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from registry.app import create_app
from registry.running import Registry, run_registry
from registry.server import Server
from registry.store import Store, sqlite_url
from stack.chromium import ARGUMENTS, chromium
from tests.registry.page.pretend import Senders
from tests.registry.page.pretend_keeping import PretendChildren, PretendKeeper, PretendSessions, WithParts

PATIENCE = 20_000
"""Milliseconds that the browser waits for what must come."""

expect.set_options(timeout=PATIENCE)

Open = Callable[..., Awaitable[Page]]
"""Opens a path in a browser of its own: ``open("/", width=360, dark=True, javascript=False)``.
With ``asks=False`` it looks at the registry only when it is told to, not now and then."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder run on the browser's loop."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("asyncio") is not None:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    # Each of a browser's thousands of messages would keep the stack that led to it, which costs more than the
    # registry under test. That one's other tests run with asyncio's debug mode.
    asyncio.get_running_loop().set_debug(False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield browser
        await browser.close()


@dataclass(kw_only=True)
class Site:
    """A registry that is served, and can be taken down and up again at the same address."""

    store: Store
    options: dict[str, Any]
    port: int = 0
    parts: dict[str, Any] = field(default_factory=dict)
    """What stands in for parts of the registry, by the name of the attribute."""

    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _registry: Registry | None = None

    @property
    def registry(self) -> Registry:
        assert self._registry is not None, "the site is down"
        return self._registry

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        self._registry = await self._stack.enter_async_context(run_registry(self.store, **self.options))
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        server = Server(create_app(WithParts.of(self._registry, self.parts)), self._registry)
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="server")

        async def end() -> None:
            server.should_exit = True
            await serving

        self._stack.push_async_callback(end)
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.005)

    async def down(self) -> None:
        """May be called twice."""
        await self._stack.aclose()
        self._registry = None


Build = Callable[..., Awaitable[Site]]


@pytest_asyncio.fixture(loop_scope="session")
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Builds a site; takes the options of `run_registry`."""
    sites: list[Site] = []

    async def built(**options: Any) -> Site:
        site = Site(store=Store(sqlite_url(tmp_path / f"{len(sites)}.db")), options=options)
        sites.append(site)
        await site.up()
        return site

    yield built
    for site in sites:
        await site.down()
        site.store.close()


@pytest_asyncio.fixture(loop_scope="session")
async def site(build: Build) -> Site:
    """One that wants no token."""
    return await build()


@dataclass(kw_only=True)
class Kept:
    """A site whose rooms are kept and whose processes run, all of it pretended."""

    site: Site
    keeper: PretendKeeper = field(default_factory=PretendKeeper)
    sessions: PretendSessions = field(default_factory=PretendSessions)
    children: PretendChildren

    @property
    def url(self) -> str:
        return self.site.url

    @property
    def store(self) -> Store:
        return self.site.store


@pytest_asyncio.fixture(loop_scope="session")
async def kept(site: Site, tmp_path: Path) -> Kept:
    """The site, with a pretend keeper and pretend processes; empty at first. Its database is a real one."""
    kept = Kept(site=site, children=PretendChildren(tmp_path / "agents.toml"))
    await site.down()
    site.parts = {"keeper": kept.keeper, "children": kept.children, "sessions": kept.sessions}
    await site.up()
    kept.sessions.store = site.store
    return kept


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session")
async def agents(site: Site, http: aiohttp.ClientSession) -> Senders:
    """Pretend agents of the site."""
    return Senders(http, site.url)


@pytest_asyncio.fixture(loop_scope="session")
async def contexts(browser: Browser) -> AsyncIterator[list[BrowserContext]]:
    contexts: list[BrowserContext] = []
    yield contexts
    for context in contexts:
        with suppress(Exception):  # what a test left behind must not hide why it failed
            await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, site: Site, contexts: list[BrowserContext]) -> Open:
    """Opens pages of the site, each in a browser profile of its own. Errors of scripts fail the test."""

    async def opened(
        path: str = "/",
        *,
        width: int = 1400,
        dark: bool = False,
        javascript: bool = True,
        asks: bool = True,
        url: str = "",
    ) -> Page:
        context = await browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if not asks:
            await context.add_init_script("window.setInterval = () => 0;")
        page = await context.new_page()
        await page.goto((url or site.url) + path)
        return page

    return opened
