"""Which agents somebody asks for, and in which order. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from registry.agents import Agent
from registry.records import Status
from wire import Beat, Deployment, Kind

_T = TypeVar("_T")

Sort: TypeAlias = Literal["name", "status", "lastHeartbeat", "agentId"]
"""By name, or by id where there is none; by how badly it needs somebody to look; the one heard last first; by id."""

_URGENCY = {
    status: place
    for place, status in enumerate(
        (
            Status.ERROR,
            Status.OFFLINE,
            Status.WARNING,
            Status.UNKNOWN,
            Status.STARTING,
            Status.RUNNING,
            Status.STOPPED,
        )
    )
}

_BETWEEN = "\0"
"""Between texts that are searched together. It is in none of them."""

_SMALL = 10
"""A heap is faster than a sort while it holds less than one in so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an agent has to be like. None and the empty set ask for nothing."""

    statuses: frozenset[Status] = frozenset()
    kind: Kind | None = None
    deployment: Deployment | None = None
    host: str | None = None
    room: str | None = None
    search: str | None = None
    """Stands in its id, name, room, host, model or description; case does not count."""


def select(
    agents: Sequence[Agent], wanted: Wanted, *, sort: Sort, limit: int, offset: int
) -> tuple[list[Agent], int]:
    """The agents that are like that, and how many there are in all. 0.1 s for 100,000, so best in a thread."""
    search = (wanted.search or "").casefold()
    if _BETWEEN in search:
        return [], 0
    found = agents if wanted == Wanted() else [agent for agent in agents if _is_wanted(agent, wanted, search)]
    return _page(found, _KEYS[sort], end=offset + limit)[offset:], len(found)


def _is_wanted(agent: Agent, wanted: Wanted, search: str) -> bool:
    beat = agent.beat
    room = None if beat.call is None else beat.call.room
    return (
        (not wanted.statuses or agent.verdict.status in wanted.statuses)
        and (wanted.kind is None or beat.kind is wanted.kind)
        and (wanted.deployment is None or beat.deployment is wanted.deployment)
        and (wanted.host is None or beat.host == wanted.host)
        and (wanted.room is None or room == wanted.room)
        and (not search or search in _texts(beat, room))
    )


def _texts(beat: Beat, room: str | None) -> str:
    """All that is searched, as one: one look is five times as fast as six."""
    texts = (beat.agent_id, beat.name, room or "", beat.host or "", beat.model or "", beat.description)
    return _BETWEEN.join(texts).casefold()


def _page(items: Sequence[_T], key: Callable[[_T], tuple[str | float, ...]], *, end: int) -> list[_T]:
    """The first `end` in order."""
    if end * _SMALL < len(items):
        return heapq.nsmallest(end, items, key=key)
    return sorted(items, key=key)[:end]


def _by_name(agent: Agent) -> tuple[str | float, ...]:
    return (agent.beat.name or agent.agent_id).casefold(), agent.agent_id


def _by_status(agent: Agent) -> tuple[str | float, ...]:
    return float(_URGENCY[agent.verdict.status]), *_by_name(agent)


def _by_heartbeat(agent: Agent) -> tuple[str | float, ...]:
    if agent.facts.is_restored and agent.restored_at is not None:
        # Before all that were heard since the registry started, in their own order.
        return 1.0, -agent.restored_at.timestamp(), agent.agent_id
    return 0.0, -agent.facts.heard_at, agent.agent_id


def _by_id(agent: Agent) -> tuple[str | float, ...]:
    return (agent.agent_id,)


_KEYS: dict[Sort, Callable[[Agent], tuple[str | float, ...]]] = {
    "name": _by_name,
    "status": _by_status,
    "lastHeartbeat": _by_heartbeat,
    "agentId": _by_id,
}
