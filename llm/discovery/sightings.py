"""What was found and is still listed: in which order, for how long, and each server once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from llm.discovery.notes import Notes, Rank
from llm.endpoints import Endpoint, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    endpoint: Endpoint
    rank: Rank
    seen_at: float


class Sightings:
    """Keeps what was found for some time after it was last seen.

    Args:
        ttl: Seconds; 0 = only what the last search has seen is listed.
    """

    def __init__(self, *, ttl: float) -> None:
        self._ttl = ttl
        self._kept: dict[tuple[Source, str], _Sighting] = {}

    def take(self, searches: Sequence[Notes], *, now: float) -> tuple[Endpoint, ...]:
        """Take what searches have found at `now`, and list everything that is known, best first."""
        seen = [one for notes in searches for one in notes.seen]
        fresh = {
            (endpoint.source, endpoint.id): _Sighting(endpoint=endpoint, rank=rank, seen_at=now)
            # The first of two with one id stays.
            for rank, endpoint in sorted(seen, key=lambda one: one[0], reverse=True)
        }
        kept = {
            key: one
            for key, one in self._kept.items()
            if now - one.seen_at < self._ttl and not any(_is_gone(one.endpoint, notes) for notes in searches)
        }
        self._kept = {**kept, **fresh}
        # What was seen just now goes before what stood in its place earlier.
        ordered = sorted(self._kept.values(), key=lambda one: (one.rank, -one.seen_at))
        return _each_once(one.endpoint for one in ordered)


def _is_gone(endpoint: Endpoint, notes: Notes) -> bool:
    if endpoint.source is Source.BACKEND:
        return notes.is_backend_read
    return endpoint.host in notes.empty_hosts


def _each_once(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Each server once, where it first stands.

    What a backend says of a server that was found otherwise too wins: it knows its id, and may have its key.
    A backend may list several deployments behind one host and port; all of them stay.
    """
    ordered = list(endpoints)
    deployed: dict[str, list[Endpoint]] = {}
    for one in ordered:
        if one.source is Source.BACKEND:
            deployed.setdefault(_server(one), []).append(one)
    listed: dict[str, Endpoint] = {}
    servers: set[str] = set()
    for one in ordered:
        server = _server(one)
        if server in servers:
            continue
        servers.add(server)
        for each in deployed.get(server, [one]):
            listed.setdefault(each.id, each if each.source is one.source else _joined(each, one))
    return tuple(listed.values())


def _joined(deployed: Endpoint, found: Endpoint) -> Endpoint:
    return replace(deployed, kind=found.kind, models=found.models or deployed.models)


def _server(endpoint: Endpoint) -> str:
    """`name:port`, the same for this machine's two usual names."""
    name, _, port = endpoint.host.rpartition(":")
    return f"127.0.0.1:{port}" if name == "localhost" else endpoint.host
