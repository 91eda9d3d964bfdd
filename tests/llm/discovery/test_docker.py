from __future__ import annotations

from typing import Any

import pytest

from llm.discovery.docker import Container, containers_in, named
from llm.discovery.places import Place


def entry(name: str = "llm", **more: Any) -> dict[str, Any]:
    return {"Id": "8dfa", "Names": [f"/{name}"], "State": "running", "Ports": [], "Labels": {}, **more}


def only(listing: object) -> Container:
    (container,) = containers_in(listing, ports=(8000, 8080)) or ()
    return container


@pytest.mark.parametrize(
    ("ports", "places"),
    [
        (
            [{"IP": "0.0.0.0", "PrivatePort": 8000, "PublicPort": 18000, "Type": "tcp"}],
            [("127.0.0.1", 18000)],
        ),
        (
            [
                {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            ],
            [("127.0.0.1", 8080)],
        ),
        ([{"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}], [("::1", 8080)]),
        (
            [{"IP": "192.168.1.7", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
            [("192.168.1.7", 8080)],
        ),
        ([{"IP": "0.0.0.0", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"}], []),
        ([{"PrivatePort": 8000, "Type": "tcp"}], []),
        ([{"IP": "no address", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}], []),
        ([{"IP": "", "PrivatePort": 80, "PublicPort": 99_999, "Type": "tcp"}], []),
    ],
)
def test_published_ports(ports: list[dict[str, Any]], places: list[tuple[str, int]]) -> None:
    assert only([entry(Ports=ports)]).published == tuple(Place(*place) for place in places)


def test_own_ports_at_each_network() -> None:
    networks = {"a": {"IPAddress": "172.18.0.2"}, "b": {"IPAddress": "172.19.0.2"}, "off": {"IPAddress": ""}}
    ports = [{"PrivatePort": 8000, "Type": "tcp"}]
    container = only([entry(Ports=ports, NetworkSettings={"Networks": networks})])
    assert container.own == (Place("172.18.0.2", 8000), Place("172.19.0.2", 8000))


def test_a_container_in_the_hosts_network_listens_here() -> None:
    container = only([entry(NetworkSettings={"Networks": {"host": {"IPAddress": ""}}})])
    assert container.own == (Place("127.0.0.1", 8000), Place("127.0.0.1", 8080))


def test_a_name_is_exact_or_a_service_of_compose() -> None:
    listing = [
        entry("shop-llm-1", Labels={"com.docker.compose.service": "llm"}),
        entry("shop-llm-2", Labels={"com.docker.compose.service": "llm"}),
        entry("llm-old", Labels=None),
    ]
    containers = containers_in(listing, ports=()) or ()
    assert [one.name for one in named(containers, "llm")] == ["shop-llm-1", "shop-llm-2"]
    assert [one.name for one in named(containers, "llm-old")] == ["llm-old"]
    assert named(containers, "old") == ()
    containers = containers_in([*listing, entry("llm")], ports=()) or ()
    assert [one.name for one in named(containers, "llm")] == ["llm"]


def test_names_that_are_links_are_no_names() -> None:
    assert only([entry(Names=["/llm", "/web/llm"])]).name == "llm"


def test_what_is_no_list_of_containers() -> None:
    assert containers_in({"message": "no"}, ports=()) is None
    assert containers_in([3, {}, {"Names": [4]}], ports=()) == ()
