"""The registry under test: a process of its own on the server's core, with an empty database."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
import msgspec
import psutil

from bench.harness import say
from bench.registry.cores import Moment, on_server_core
from stack.children import Child
from stack.errors import LateError, StackError
from stack.ports import free_port
from stack.until import until_answered

_READY_TIMEOUT = 60.0
_ASK_TIMEOUT = 20.0
_PAGE = 500
"""Most agents that one answer holds."""


class Agent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What these measurements need of an agent, as the registry shows it."""

    agent_id: str
    status: str
    status_since: datetime.datetime
    last_heartbeat: datetime.datetime
    suspect: bool = False
    cause: str | None = None
    has_line: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the stream of changes."""

    name: str
    at: datetime.datetime
    """When it arrived here."""

    agents: tuple[Agent, ...] = ()


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    agents: tuple[Agent, ...] = ()
    total: int = 0


_pages = msgspec.json.Decoder(_Page)


class Registry:
    """One registry, as a context manager: started and ready inside, ended with all that is its own after it.

    Args:
        folder: For its state and its log; it must exist. The same folder again = the same database.
        command: Starts the registry.
        database_url: None = SQLite in `folder`.
        database: The database's process, where that is another one.
        env: More variables.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        *,
        database_url: str | None = None,
        database: int | None = None,
        host: str = "127.0.0.1",
        token: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        port = free_port()
        self.kind = "beats"
        self.target = f"{host}:{port}"
        self.url = f"http://{self.target}"
        self.token = token
        self.child = Child(
            on_server_core(command),
            name="registry",
            log=folder / "registry.log",
            env={
                "REGISTRY_HOST": host,
                "REGISTRY_PORT": str(port),
                "REGISTRY_TOKEN": token,
                # All agents of a benchmark come from one address, at once.
                "REGISTRY_NEW_AGENTS": "10000000",
                "DATABASE_URL": database_url or "",
                "ROOMKEEPER_HOME": str(folder),
                "LIVEKIT_URL": "",
                **(env or {}),
            },
        )
        self._database = [] if database is None else [database]
        self._session: aiohttp.ClientSession | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def moment(self) -> Moment:
        """Its processor time, with its database's."""
        return Moment.of(self.child.pid, *self._database)

    def rss_mb(self) -> float:
        return psutil.Process(self.child.pid).memory_info().rss / 2**20

    async def start(self, *, look_every: float = 0.05) -> float:
        """Start it, again if it has ended.

        Returns:
            Seconds until `/readyz` answered with 200, precise to `look_every`.
        """
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        self.child.start()

        async def is_ready() -> bool:
            if not self.child.is_running:
                raise StackError(self.child.with_last_lines("the registry ended before it was ready"))
            try:
                async with self._client().get(f"{self.url}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        try:
            await until_answered(is_ready, timeout=_READY_TIMEOUT, what="the registry", interval=look_every)
        except LateError as error:
            raise StackError(self.child.with_last_lines(str(error))) from error
        return loop.time() - started_at

    async def ask(self, path: str) -> bytes:
        """Body of a GET.

        Raises:
            StackError: Another status than 200.
        """
        async with self._client().get(f"{self.url}{path}") as answer:
            body = await answer.read()
            if answer.status != 200:
                raise StackError(f"GET {path} was answered with {answer.status}: {body[:200]!r}")
            return body

    async def agents(self, *, status: str = "") -> list[Agent]:
        """All agents, hidden ones too, or those of one status."""
        found: list[Agent] = []
        total = 1
        while len(found) < total:
            query = f"limit={_PAGE}&offset={len(found)}&sort=agentId&hidden=true&status={quote(status)}"
            page = _pages.decode(await self.ask(f"/api/agents?{query}"))
            found += page.agents
            total = page.total if page.agents else 0
        return found

    async def events(self) -> AsyncIterator[Event]:
        """The stream of changes, from now on and without an end. The first is `hello`."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=_ASK_TIMEOUT)
        async with self._client().get(f"{self.url}/api/events", timeout=limit) as answer:
            if answer.status != 200:
                raise StackError(f"the stream of changes answers {answer.status}")
            name, data, rest = "", b"", b""
            async for some in answer.content.iter_any():
                *lines, rest = (rest + some).split(b"\n")
                for line in lines:
                    key, _, value = line.rstrip(b"\r").partition(b":")
                    if key == b"event":
                        name = value.strip().decode()
                    elif key == b"data":
                        data += value
                    elif not key and name:
                        page = _pages.decode(data) if name == "agents" else _Page()
                        yield Event(name=name, at=datetime.datetime.now(datetime.UTC), agents=page.agents)
                        name, data = "", b""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.aclose)
            await self.start()
            undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            say(self.child.with_last_lines("the registry, when it failed"))  # its folder goes away now
        await self.aclose()

    async def aclose(self) -> None:
        """May be called twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self.child.stop()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=_ASK_TIMEOUT)
            self._session = aiohttp.ClientSession(headers=self.headers, timeout=limit, read_bufsize=2**22)
        return self._session
