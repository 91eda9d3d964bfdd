"""Which group (project or team) an agent belongs to, as its stored profile says: in memory, for the pages' filters."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Protocol

from registry.store import StoreError

PERIOD = 5.0
"""Seconds after which they are read anew: another registry on the same database may have changed a profile."""


class GroupStore(Protocol):
    """What the database does for groups."""

    n_changes: int
    """Grows with each profile that is stored or deleted here."""

    def groups(self) -> Mapping[str, str]:
        """Group of each agent id that has one. Blocks; raises `StoreError`."""


class Groups:
    """The groups of all agents.

    Args:
        profiles: Where the profiles are stored.
        monotonic: The registry's clock.
    """

    def __init__(self, profiles: GroupStore, *, monotonic: Callable[[], float]) -> None:
        self._profiles = profiles
        self._monotonic = monotonic
        self._known: Mapping[str, str] = {}
        self._until = -math.inf
        self._n_changes = -1
        self._reading = asyncio.Lock()

    async def look(self) -> Mapping[str, str]:
        """Group of each agent id that has one. The last ones that were known while the database cannot be read."""
        async with self._reading:
            n_changes = self._profiles.n_changes
            if n_changes == self._n_changes and self._monotonic() < self._until:
                return self._known
            try:
                self._known = await asyncio.to_thread(self._profiles.groups)
            except StoreError:
                return self._known  # the page tells of the database's trouble by a notice
            self._n_changes = n_changes
            self._until = self._monotonic() + PERIOD
            return self._known


def names(groups: Mapping[str, str], chosen: str) -> list[str]:
    """Groups to choose from, in alphabetical order, the chosen one among them."""
    return sorted({*groups.values(), *([chosen] if chosen else [])}, key=lambda name: (name.casefold(), name))


def members(groups: Mapping[str, str], group: str) -> frozenset[str]:
    """The ids of the agents of one group."""
    return frozenset(agent_id for agent_id, name in groups.items() if name == group)
