"""Agents as they change, told by the registry's stream of events, for as long as somebody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from cli.answers import Agent, RegistryFacts
from cli.client import Client, Query
from cli.errors import CommandError, RefusedError, UnreachableError

FIRST_RETRY = 0.5
LONGEST_RETRY = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All of the agents, now. What was told before is out of date."""

    agents: tuple[Agent, ...]
    total: int
    registry: RegistryFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Some agents have changed."""

    agents: tuple[Agent, ...]
    removed: tuple[str, ...]
    """Ids of those that are not listed any more."""

    registry: RegistryFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The registry is not heard. It is asked again after a while."""

    reason: str
    retry_after: float
    """Seconds."""


News = Snapshot | Update | Lost


async def follow(client: Client, query: Query, *, limit: int | None = None) -> AsyncGenerator[News, None]:
    """First a snapshot, then what changes, for ever. Close it with `contextlib.aclosing`.

    Updates are about all agents, whatever the `query` is: see `matches`.

    Raises:
        UnreachableError: No registry answered the first time. Later that is told as `Lost`.
        RefusedError: It does not let us in.
    """
    was_heard = False
    failures = 0
    while True:
        try:
            async for news in _listen(client, query, limit):
                yield news
                was_heard, failures = True, 0
        except CommandError as error:
            if not was_heard or not _may_pass(error):
                raise
            delay = next_delay(failures)
            failures += 1
            yield Lost(reason=str(error), retry_after=delay)
            await asyncio.sleep(delay)


def next_delay(failures: int) -> float:
    """Seconds until the next try: ``min(10, 0.5 * 2**failures)``."""
    return float(min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(failures, 16)))


def matches(agent: Agent, query: Query) -> bool:
    """Whether the registry would list `agent` when asked by `query`."""
    if query.status and agent.status not in query.status.split(","):
        return False
    if query.kind and agent.kind != query.kind:
        return False
    if query.host and agent.host != query.host:
        return False
    if query.search:
        room = agent.call.room if agent.call else ""
        texts = (agent.agent_id, agent.name, agent.host, agent.model, agent.description, room)
        return any(query.search.casefold() in text.casefold() for text in texts if text)
    return True


async def _listen(client: Client, query: Query, limit: int | None) -> AsyncGenerator[News, None]:
    # The stream is opened first: what changes while the list comes is told after it, and nothing is missed.
    async with client.events() as events:
        yield await _snapshot(client, query, limit)
        async for event in events:
            if event.name == "agents":
                changed = client.changed_in(event)
                yield Update(agents=changed.agents, removed=changed.removed, registry=changed.registry)
            elif event.name == "reload":
                yield await _snapshot(client, query, limit)


async def _snapshot(client: Client, query: Query, limit: int | None) -> Snapshot:
    page = await client.agents(query, limit=limit)
    return Snapshot(agents=page.agents, total=page.total, registry=page.registry)


def _may_pass(error: CommandError) -> bool:
    if isinstance(error, RefusedError):
        return error.status >= 500 or error.status == 429
    return isinstance(error, UnreachableError)
