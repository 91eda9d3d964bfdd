"""Look for language models in the containers that LLM_CONTAINER_NAME names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import httpx

from config import Settings
from llm.discovery.asking import Answer, Limits, Silence, Why, ask, http_only
from llm.discovery.docker import NAME, Container, containers_in, named
from llm.discovery.listings import text_in
from llm.discovery.notes import CONTAINERS, Notes, Rank
from llm.discovery.places import Place
from llm.discovery.probing import Probe, Prober, Verdict
from llm.endpoints import Source

_LIMITS = Limits(connect=0.5, total=1.5)
_RUNNING = "running"
_TO_RUN_IT = {"paused": "docker unpause", "restarting": "docker logs"}
"""What to do about a container's state; `docker start` for any other."""


class Containers:
    """The containers of LLM_CONTAINER_NAME, through the socket of this machine's Docker (or Podman).

    A container is found by its name, or by its service's name in a Compose file. It is asked at the ports that it
    publishes on this host; and at its own address where it publishes none, or where nobody listens at those, as in
    a container that was given the socket.
    """

    def __init__(self, settings: Settings, prober: Prober, socket: Path) -> None:
        self._names = settings.llm_container_name
        self._ports = settings.agent_discovery_ports
        self._prober = prober
        self._socket = socket
        self._client: httpx.AsyncClient | None = None

    async def look(self, notes: Notes) -> None:
        names = [(rank, name) for rank, name in self._ranked() if self._can_be(notes, rank, name)]
        if not names:
            return
        answer = await self._list([name for _, name in names])
        containers = None
        if isinstance(answer, Answer) and answer.status == 200:
            containers = containers_in(answer.json(), ports=self._ports)
        if containers is None:
            notes.trouble((CONTAINERS,), f"{_setting(*self._names)}: {self._no_docker(answer)}")
            return
        async with asyncio.TaskGroup() as looking:
            for rank, name in names:
                look = self._look_at(notes, rank, name, named(containers, name))
                looking.create_task(look, name=f"llm-container-{name}")

    async def aclose(self) -> None:
        """May be called twice."""
        if self._client is not None:
            await self._client.aclose()

    def _ranked(self) -> list[tuple[Rank, str]]:
        return [((CONTAINERS, index), name) for index, name in enumerate(self._names)]

    def _can_be(self, notes: Notes, rank: Rank, name: str) -> bool:
        if NAME.fullmatch(name):
            return True
        notes.trouble(rank, f"{_setting(name[:80])}: no container can have this name; see `docker ps`")
        return False

    async def _list(self, names: Sequence[str]) -> Answer | Silence:
        if self._client is None:
            self._client = http_only(socket=str(self._socket))
        # Also those that do not run, to say so. The filter takes parts of names, as patterns.
        params = {"all": "true", "filters": json.dumps({"name": list(names)})}
        return await ask(self._client, "http://docker/containers/json", limits=_LIMITS, params=params)

    def _no_docker(self, answer: Answer | Silence) -> str:
        way_out = "or set LLM_URLS to the server's address"
        if isinstance(answer, Answer):
            said = answer.json()
            message = text_in(said.get("message")) if isinstance(said, dict) else None
            words = f": {message}" if message else ""
            return (
                f"what answers at {self._socket} is not Docker (HTTP {answer.status}{words}); {way_out[3:]}"
            )
        return {
            Why.NO_SOCKET: f"Docker's socket {self._socket} is not there; start Docker, {way_out}",
            Why.NOT_ALLOWED: f"this user may not open {self._socket}; add it to the group docker, {way_out}",
            Why.NOBODY: f"nobody listens at {self._socket}; start Docker, {way_out}",
        }.get(answer.why, f"Docker at {self._socket} {answer.words}; restart it, {way_out}")

    async def _look_at(self, notes: Notes, rank: Rank, name: str, found: Sequence[Container]) -> None:
        running = [one for one in found if one.state == _RUNNING]
        if not found:
            notes.trouble(rank, f"{_setting(name)}: there is no such container; see `docker ps --all`")
        elif not running:
            state, order = found[0].state, _TO_RUN_IT.get(found[0].state, "docker start")
            notes.trouble(
                rank, f"{_setting(name)}: the container does not run ({state}); `{order} {found[0].name}`"
            )
        for index, one in enumerate(running):
            await self._ask(notes, (*rank, index), one, _setting(name))

    async def _ask(self, notes: Notes, rank: Rank, container: Container, setting: str) -> None:
        probes = await self._probe(container.published)
        if all(probe.verdict is Verdict.NOBODY for probe in probes.values()):
            probes |= await self._probe(container.own)
        for index, (place, probe) in enumerate(probes.items()):
            probe.note(notes, (*rank, index), place, Source.CONTAINER)
        if any(probe.verdict is Verdict.SERVES for probe in probes.values()):
            return
        troubles = [probe.words(place) for place, probe in probes.items() if probe.trouble]
        places = ", ".join(map(str, probes)) or "no port"
        words = (
            f"the container runs, and no language model answers there ({places}); "
            f"it may still be loading, see `docker logs {container.name}`"
        )
        for text in troubles or [words]:
            notes.trouble(rank, f"{setting}: {text}")

    async def _probe(self, places: Sequence[Place]) -> dict[Place, Probe]:
        probes = await asyncio.gather(*(self._prober.probe(place) for place in places))
        return dict(zip(places, probes, strict=True))


def _setting(*names: str) -> str:
    return f"LLM_CONTAINER_NAME={','.join(names)}"
