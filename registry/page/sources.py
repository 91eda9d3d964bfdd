"""What the page shows of the parts of the registry, as rows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from processes import Snapshot
from registry.children import Children
from registry.running import Registry
from registry.session_records import RoomEvent, SessionRow
from registry.store import StoreError
from rooms.views import RoomStats

_Row = TypeVar("_Row")

STATS_PERIOD = 5.0
"""Seconds that statistics are shown before they are read anew, however many look at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of this host, and the agents that it is or has started."""

    id: str
    now: Snapshot
    row_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[_Row]):
    """Some rows of a table, newest first."""

    rows: Sequence[_Row]
    is_first: bool
    """They are the newest there are."""

    has_older: bool
    trouble: str = ""
    """Why they cannot be read; empty = they can."""


def processes_of(children: Children) -> list[Process]:
    """All processes, in the order of their file."""
    rows = children.row_ids()
    return [
        Process(id=snapshot.process_id, now=snapshot, row_ids=rows.get(snapshot.process_id, ()))
        for snapshot in children.supervisor.snapshots()
    ]


class Stats:
    """Statistics of rooms, read anew when they are old: the database counts a day's sessions for them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: RoomStats | None = None
        self._until = -math.inf

    async def look(self) -> RoomStats | None:
        """None = there are none to be had now."""
        now = self._registry.fleet.clock.monotonic()
        if now < self._until:
            return self._known
        self._until = now + STATS_PERIOD
        try:
            self._known = await self._registry.sessions.stats(self._registry.keeper.stats())
        except StoreError:
            self._known = None  # the page tells of the database's trouble by a notice
        return self._known


async def events_of(registry: Registry, room: str, *, limit: int, before: int | None) -> Page[RoomEvent]:
    """The history of a room."""
    return await _page(
        lambda most: registry.store.rooms.events(room, limit=most, before=before),
        limit,
        is_first=before is None,
    )


async def sessions_of(
    registry: Registry,
    *,
    limit: int,
    room: str | None = None,
    agent_id: str | None = None,
    agent_ids: Collection[str] | None = None,
    is_open: bool | None = None,
    before: datetime | None = None,
) -> Page[SessionRow]:
    """Sessions, of a room, an agent, some agents or all."""
    sessions = registry.store.sessions
    return await _page(
        lambda most: sessions.list(
            room=room, agent_id=agent_id, agent_ids=agent_ids, is_open=is_open, limit=most, before=before
        ),
        limit,
        is_first=before is None,
    )


async def _page(read: Callable[[int], Sequence[_Row]], limit: int, *, is_first: bool) -> Page[_Row]:
    try:
        rows = await asyncio.to_thread(read, limit + 1)
    except StoreError as error:
        return Page(rows=(), is_first=is_first, has_older=False, trouble=str(error))
    return Page(rows=rows[:limit], is_first=is_first, has_older=len(rows) > limit)
