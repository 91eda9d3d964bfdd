"""What Docker says of containers: which run, and where their ports are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from llm.discovery.places import Place, is_address

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
"""Of a container (moby, daemon/names)."""

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where to find it from here
_SERVICE_LABEL = "com.docker.compose.service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    name: str
    service: str | None
    """Its name in a Compose file."""

    state: str
    """`running`, `exited`, `created`, `paused`, `restarting`, `removing` or `dead`."""

    published: tuple[Place, ...]
    """Its TCP ports on this host."""

    own: tuple[Place, ...]
    """Its TCP ports at its own addresses, in Docker's networks."""


def containers_in(listing: object, *, ports: Sequence[int]) -> tuple[Container, ...] | None:
    """The containers of an answer to `GET /containers/json`; None when it is something else.

    Args:
        ports: Where a container may listen that exposes none.
    """
    if not isinstance(listing, list):
        return None
    return tuple(
        container for one in listing if isinstance(one, Mapping) for container in _containers(one, ports)
    )


def named(containers: Sequence[Container], name: str) -> tuple[Container, ...]:
    """The container of this name; else those of the Compose service, which are called `project-name-1`."""
    exact = tuple(one for one in containers if one.name == name)
    return exact or tuple(one for one in containers if one.service == name)


def _containers(entry: Mapping[str, object], ports: Sequence[int]) -> Iterator[Container]:
    names = entry.get("Names")
    for name in names if isinstance(names, list) else ():
        # Links of other containers to it are names with a slash in them.
        if isinstance(name, str) and NAME.fullmatch(name.removeprefix("/")):
            labels, state = entry.get("Labels"), entry.get("State")
            service = labels.get(_SERVICE_LABEL) if isinstance(labels, Mapping) else None
            yield Container(
                name=name.removeprefix("/"),
                service=service if isinstance(service, str) else None,
                state=state.lower()[:20] if isinstance(state, str) else "unknown",
                published=_published(entry),
                own=_own(entry, ports),
            )


def _published(entry: Mapping[str, object]) -> tuple[Place, ...]:
    found: dict[int, list[str]] = {}
    for port in _ports(entry):
        number, address = port.get("PublicPort"), port.get("IP", "")
        if _is_port(number) and isinstance(address, str):
            found.setdefault(number, []).append(_EVERYWHERE.get(address, address))
    # Published everywhere, a port is listed for IPv4 and for IPv6.
    return tuple(
        Place("127.0.0.1" if "127.0.0.1" in addresses else addresses[0], number)
        for number, addresses in found.items()
        if _is_ip(addresses[0])
    )


def _own(entry: Mapping[str, object], ports: Sequence[int]) -> tuple[Place, ...]:
    exposed = [number for port in _ports(entry) if _is_port(number := port.get("PrivatePort"))]
    networks = entry.get("NetworkSettings")
    networks = networks.get("Networks") if isinstance(networks, Mapping) else None
    networks = networks if isinstance(networks, Mapping) else {}
    addresses = ["127.0.0.1"] if "host" in networks else []  # it has no address of its own
    addresses += [
        address
        for network in networks.values()
        if isinstance(network, Mapping) and _is_ip(address := network.get("IPAddress"))
    ]
    numbers = dict.fromkeys(exposed or ports)
    return tuple(Place(address, number) for address in dict.fromkeys(addresses) for number in numbers)


def _ports(entry: Mapping[str, object]) -> list[Mapping[str, object]]:
    ports = entry.get("Ports")
    listed = ports if isinstance(ports, list) else []
    return [one for one in listed if isinstance(one, Mapping) and one.get("Type", "tcp") == "tcp"]


def _is_port(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65_536


def _is_ip(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and is_address(value)
