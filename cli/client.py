"""The registry's API, as far as the command line uses it. Raises `RefusedError` and `UnreachableError`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import msgspec

from cli.answers import (
    Agent,
    Change,
    Changed,
    History,
    Lines,
    Page,
    Pulse,
    Pulses,
    RawPage,
    RegistryFacts,
    Sent,
)
from cli.connection import Connection, quoted
from cli.errors import UnreachableError
from cli.process_api import ProcessApi
from cli.profile_api import ProfileApi
from cli.room_api import RoomApi
from cli.session_api import SessionApi
from cli.sse import Event
from wire import BEATS_PATH, Beat, BeatError, Reply, decode_reply, encode_beat

LARGEST_PAGE = 500
"""Agents in one answer."""

MOST_PULSES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which agents. None = whatever it is."""

    status: str | None = None
    """One, or several with commas between them."""

    kind: str | None = None
    host: str | None = None
    search: str | None = None
    sort: str | None = None

    def parameters(self) -> dict[str, str]:
        """As the API has them."""
        values = {
            "status": self.status,
            "kind": self.kind,
            "host": self.host,
            "search": self.search,
            "sort": self.sort,
        }
        return {name: value for name, value in values.items() if value is not None}


class Client:
    """One registry: its agents, and what else it keeps. `aclose` may be called twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.rooms = RoomApi(connection)
        self.processes = ProcessApi(connection)
        self.sessions = SessionApi(connection)
        self.profiles = ProfileApi(connection)

    @property
    def url(self) -> str:
        return self._connection.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._connection.aclose()

    # -- looking

    async def agents(self, query: Query, *, limit: int | None = None) -> Page:
        """The first agents; with None all of them, however many requests that takes."""
        page = await self.raw_agents(query, limit=limit)
        agents = tuple(self._connection.decode(agent, Agent) for agent in page.agents)
        registry = self._connection.decode(page.registry, RegistryFacts)
        return Page(agents=agents, total=page.total, registry=registry)

    async def raw_agents(self, query: Query, *, limit: int | None = None) -> RawPage:
        """As `agents`, with whatever else the registry tells."""
        if limit is not None and limit <= LARGEST_PAGE:
            return await self._page(query, limit, 0)
        query = replace(query, sort=query.sort or "agentId")  # an order that does not change meanwhile
        found: dict[str, msgspec.Raw] = {}
        offset = 0
        while True:
            page = await self._page(query, LARGEST_PAGE, offset)
            found |= {self._connection.decode(raw, _Id).agent_id: raw for raw in page.agents}
            offset += len(page.agents)
            if not page.agents or offset >= page.total or (limit is not None and offset >= limit):
                agents = tuple(found.values())[:limit]
                return RawPage(agents=agents, total=max(page.total, len(agents)), registry=page.registry)

    async def agent(self, agent_id: str) -> Agent:
        """One agent. `RefusedError.code` is ``unknown_agent`` when there is none."""
        return self._connection.decode(await self._connection.ask("GET", _path(agent_id)), Agent)

    async def raw_agent(self, agent_id: str) -> bytes:
        """As `agent`, with whatever else the registry tells."""
        return await self._connection.ask("GET", _path(agent_id))

    async def facts(self) -> RegistryFacts:
        """The registry, by its own account."""
        return self._connection.decode(await self._connection.ask("GET", "/api/status"), RegistryFacts)

    async def pulses(self, ids: Sequence[str]) -> dict[str, Pulse]:
        """When these agents were heard last; at most `MOST_PULSES`. Unknown ones are left out."""
        answer = await self._connection.ask("GET", "/api/pulse", parameters={"id": list(ids)})
        return self._connection.decode(answer, Pulses).agents

    async def history(self, agent_id: str, *, limit: int) -> tuple[Change, ...]:
        """Changes of its status, newest first."""
        path = f"{_path(agent_id)}/history"
        answer = await self._connection.ask("GET", path, parameters={"limit": str(limit)})
        return self._connection.decode(answer, History).changes

    async def logs(self, agent_id: str) -> tuple[str, ...]:
        """The last lines of its log."""
        answer = await self._connection.ask("GET", f"{_path(agent_id)}/logs")
        return self._connection.decode(answer, Lines).lines

    # -- acting

    async def order(self, agent_id: str, order: str, *, reason: str, by: str) -> Sent:
        """`stop`, `drain` or `leave`."""
        answer = await self._connection.ask(
            "POST", f"{_path(agent_id)}/{order}", {"reason": reason, "by": by}
        )
        return self._connection.decode(answer, Sent)

    async def remove(self, agent_id: str, *, reason: str, by: str, even_alive: bool) -> None:
        """Take it off the list."""
        body = {"reason": reason, "by": by, "force": even_alive}
        await self._connection.ask("POST", f"{_path(agent_id)}/remove", body)

    async def force(self, agent_id: str, *, status: str, health: int | None, reason: str, by: str) -> Agent:
        """Set its status against its own beats. A health of None is computed as ever."""
        body = {"status": status, "health": health, "reason": reason, "by": by}
        answer = await self._connection.ask("PUT", f"{_path(agent_id)}/status", body)
        return self._connection.decode(answer, Agent)

    async def unlock(self, agent_id: str, *, reason: str, by: str) -> Agent:
        """Let its own beats count again."""
        body = {"reason": reason, "by": by}
        answer = await self._connection.ask("DELETE", f"{_path(agent_id)}/status", body)
        return self._connection.decode(answer, Agent)

    async def tell(self, agent: Agent, evidence: str, *, reason: str, by: str) -> Agent:
        """Tell what was seen of its process: `process_gone`, `process_present` or `inactive`."""
        body = {"incarnation": agent.incarnation, "evidence": evidence, "reason": reason, "by": by}
        answer = await self._connection.ask("POST", f"{_path(agent.agent_id)}/evidence", body)
        return self._connection.decode(answer, Agent)

    async def beat(self, beat: Beat) -> Reply:
        """Send a beat, as an agent does."""
        answer = await self._connection.send(BEATS_PATH, encode_beat(beat))
        try:
            return decode_reply(answer)
        except BeatError as error:
            raise UnreachableError(f"what answers at {self.url} is no registry: {error}") from error

    # -- listening

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """What changes: events `hello`, `agents` (see `changed_in`) and `reload`."""
        return self._connection.events("/api/events")

    def changed_in(self, event: Event) -> Changed:
        return self._connection.decode(event.data, Changed)

    def log_events(self, agent_id: str) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """An agent's log: event `start` with the last lines, then `lines` with new ones (see `lines_in`)."""
        return self._connection.events(f"{_path(agent_id)}/logs")

    def lines_in(self, event: Event) -> tuple[str, ...]:
        return self._connection.decode(event.data, Lines).lines

    async def _page(self, query: Query, limit: int, offset: int) -> RawPage:
        parameters = {**query.parameters(), "limit": str(limit), "offset": str(offset)}
        answer = await self._connection.ask("GET", "/api/agents", parameters=parameters)
        return self._connection.decode(answer, RawPage)


class _Id(msgspec.Struct, rename="camel"):
    agent_id: str


def _path(agent_id: str) -> str:
    return f"/api/agents/{quoted(agent_id)}"
