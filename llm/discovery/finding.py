"""Find servers of language models, in all the places that the settings name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config import Settings
from llm.discovery.asking import http_only
from llm.discovery.backend import Backend
from llm.discovery.containers import Containers
from llm.discovery.hosts import Hosts
from llm.discovery.names import Names
from llm.discovery.notes import Notes, Rank, in_order
from llm.discovery.probing import Prober
from llm.discovery.sightings import Sightings
from llm.endpoints import Endpoint

LOOK_TIMEOUT = 6.0
"""Seconds for a whole search. What was found until then is found."""

NEARBY_TIMEOUT = 2.5
"""Seconds for one of this machine alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known after a search."""

    endpoints: tuple[Endpoint, ...] = ()
    """Those in containers first, then by hosts in the order of the settings, then the backend's; each server once."""

    troubles: tuple[str, ...] = ()
    """What keeps models from being found, a line each, for people; without secrets."""


class Discovery:
    """Looks for language models: in Docker's containers, on hosts and ports, and in a backend's list.

    What was found stays listed for AGENT_DISCOVERY_CACHE_TTL after it was last seen, unless the server itself says
    that it has no model, or the backend's list is without it.

    Args:
        docker_socket: Unix socket of Docker, or of Podman.
        clock: Seconds on a monotonic clock.
        limit: Seconds for a whole search.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        docker_socket: Path = Path("/var/run/docker.sock"),
        clock: Callable[[], float] = time.monotonic,
        limit: float = LOOK_TIMEOUT,
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._client = http_only()
        self._names = Names()
        # A long list of hosts that do not answer must not hold up what is here.
        near, far = Prober(self._client), Prober(self._client)
        self._near_hosts = Hosts(settings, near, self._names, here=True)
        self._far_hosts = Hosts(settings, far, self._names, here=False)
        self._containers = Containers(settings, near, docker_socket)
        self._backend = Backend(settings)
        self._sightings = Sightings(ttl=settings.agent_discovery_cache_ttl)
        self._far_troubles: list[tuple[Rank, str]] = []
        self._running: dict[asyncio.Timeout, asyncio.Event] = {}

    async def look(self, *, nearby_only: bool = False) -> Found:
        """Search once. Takes six seconds at most, and raises nothing for what a server does.

        Args:
            nearby_only: Ask only what is on this machine: a few milliseconds where nothing hangs, 2.5 s at most.
                What was found elsewhere stays listed.
        """
        near, far = Notes(), Notes()
        limit = asyncio.timeout(min(self._limit, NEARBY_TIMEOUT) if nearby_only else self._limit)
        with suppress(TimeoutError):
            async with limit:
                self._running[limit] = asyncio.Event()
                try:
                    await self._search(near, None if nearby_only else far)
                finally:
                    self._running.pop(limit).set()
        if not nearby_only:
            self._far_troubles = far.troubles
        return Found(
            endpoints=self._sightings.take((near, far), now=self._clock()),
            troubles=in_order([*near.troubles, *self._far_troubles]),
        )

    async def aclose(self) -> None:
        """End a search that runs; it gives what it has found. May be called twice."""
        self._names.close()
        for limit, is_over in list(self._running.items()):
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())
            await is_over.wait()
        await self._containers.aclose()
        await self._backend.aclose()
        await self._client.aclose()

    async def _search(self, near: Notes, far: Notes | None) -> None:
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._containers.look(near), name="llm-containers")
            parts.create_task(self._near_hosts.look(near), name="llm-near-hosts")
            if far is not None:
                parts.create_task(self._far_hosts.look(far), name="llm-far-hosts")
                parts.create_task(self._backend.look(far), name="llm-backend")
