"""Look for language models on the hosts and ports of the settings."""

from __future__ import annotations

import asyncio

from config import Settings
from config.hosts import is_loopback
from llm.discovery.names import Names
from llm.discovery.notes import HOSTS, Notes, Rank
from llm.discovery.places import Place, host_of, is_address
from llm.discovery.probing import Prober, Verdict
from llm.endpoints import Source

_NAME_TIMEOUT = 1.5
"""Seconds for a host's name."""

_SETTING = "AGENT_DISCOVERY_HOSTS"


class Hosts:
    """AGENT_DISCOVERY_HOSTS × AGENT_DISCOVERY_PORTS, when AGENT_AUTO_DISCOVERY is on.

    Args:
        here: True = only this machine's own addresses; False = all others.
    """

    def __init__(self, settings: Settings, prober: Prober, names: Names, *, here: bool) -> None:
        self._ports = settings.agent_discovery_ports
        self._prober = prober
        self._names = names
        self._here = here
        self._hosts: list[tuple[Rank, str]] = []
        self._no_hosts: list[tuple[Rank, str]] = []
        for index, text in enumerate(settings.agent_discovery_hosts if settings.agent_auto_discovery else ()):
            host = host_of(text)
            if host is None and not here:
                self._no_hosts.append(((HOSTS, index), text[:80]))
            elif host is not None and is_loopback(host) is here:
                self._hosts.append(((HOSTS, index), host))
        self._n_asked: dict[Place, int] = {}

    async def look(self, notes: Notes) -> None:
        """Ask every place. When that is cut off, those that were not reached go first the next time."""
        for rank, text in self._no_hosts:
            words = f"{_SETTING}: {text!r} is no name or address; ports go to AGENT_DISCOVERY_PORTS"
            notes.trouble(rank, words)
        known = await asyncio.gather(*(self._is_known(notes, rank, host) for rank, host in self._hosts))
        hosts = [host for host, is_known in zip(self._hosts, known, strict=True) if is_known]
        places = [
            ((*rank, index), Place(host, port))
            for rank, host in hosts
            for index, port in enumerate(self._ports)
        ]
        verdicts = await self._ask_all(notes, places)
        for rank, host in [] if self._here else hosts:
            if {verdicts[place] for _, place in places if place.host == host} == {Verdict.NOBODY}:
                ports = ", ".join(map(str, self._ports))
                words = f"{_SETTING}: nobody listens on {host} at the ports {ports}"
                notes.trouble(rank, f"{words}; see AGENT_DISCOVERY_PORTS, and the firewall there")

    async def _ask_all(self, notes: Notes, places: list[tuple[Rank, Place]]) -> dict[Place, Verdict]:
        verdicts: dict[Place, Verdict] = {}

        async def ask_one(rank: Rank, place: Place) -> None:
            def begin() -> None:
                self._n_asked[place] = self._n_asked.get(place, 0) + 1

            probe = await self._prober.probe(place, begin=begin)
            verdicts[place] = probe.verdict
            probe.note(notes, rank, place, Source.DISCOVERED)
            notes.trouble(rank, probe.words(place))

        try:
            async with asyncio.TaskGroup() as asking:
                for rank, place in sorted(places, key=lambda one: self._n_asked.get(one[1], 0)):
                    asking.create_task(ask_one(rank, place), name=f"llm-probe-{place}")
        except asyncio.CancelledError:
            words = f"{len(places) - len(verdicts)} of {len(places)} places could not be asked in time"
            notes.trouble((HOSTS,), f"{_SETTING}: {words}; name fewer hosts or ports")
            raise
        return verdicts

    async def _is_known(self, notes: Notes, rank: Rank, host: str) -> bool:
        if self._here or is_address(host):
            return True
        try:
            async with asyncio.timeout(_NAME_TIMEOUT):
                is_known = await self._names.is_known(host)
        except TimeoutError:
            words = f"the name {host} could not be looked up within {_NAME_TIMEOUT:g} s; write its address"
            notes.trouble(rank, f"{_SETTING}: {words}")
            return False
        if not is_known:
            notes.trouble(rank, f"{_SETTING}: no host is called {host}; correct it, or write its address")
        return is_known
