from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from config import Settings
from llm.discovery.containers import Containers
from llm.discovery.notes import Notes, in_order
from llm.discovery.probing import Prober
from llm.endpoints import Source
from tests.llm.discovery import shapes
from tests.llm.discovery.conftest import Servers
from tests.llm.discovery.shapes import Said
from tests.llm.discovery.test_docker import entry

Look = Callable[..., Awaitable[Notes]]


@pytest.fixture
def look(prober: Prober, tmp_path: Path) -> Look:
    async def look(
        *names: str, socket: Path = tmp_path / "docker.sock", ports: tuple[int, ...] = (1,)
    ) -> Notes:
        settings = Settings(llm_container_name=names, agent_discovery_ports=ports)
        containers, notes = Containers(settings, prober, socket), Notes()
        await containers.look(notes)
        await containers.aclose()
        await containers.aclose()
        return notes

    return look


@pytest.fixture
def docker(servers: Servers, tmp_path: Path) -> Callable[[Any], Awaitable[list[str]]]:
    """Start a Docker that lists these containers; gives what it is asked."""

    async def start(listing: Any) -> list[str]:
        return (await servers.http({"/containers/json": listing}, socket=tmp_path / "docker.sock")).asked

    return start


def published(port: int) -> dict[str, Any]:
    return {"IP": "0.0.0.0", "PrivatePort": 8000, "PublicPort": port, "Type": "tcp"}


def found(notes: Notes) -> list[tuple[str, str]]:
    assert all(endpoint.source is Source.CONTAINER for _, endpoint in notes.seen)
    return [(endpoint.base_url, endpoint.kind) for _, endpoint in sorted(notes.seen, key=lambda one: one[0])]


async def test_a_container_is_asked_at_its_published_port(
    servers: Servers, look: Look, docker: Callable[[Any], Awaitable[list[str]]]
) -> None:
    port = (await servers.http(shapes.VLLM)).port
    asked = await docker([entry("llm", Ports=[published(port)]), entry("llm-old", State="exited")])
    notes = await look("llm")
    assert found(notes) == [(f"http://127.0.0.1:{port}/v1", "vllm")]
    assert not notes.troubles
    query = parse_qs(urlsplit(asked[0]).query)
    assert query == {"all": ["true"], "filters": ['{"name": ["llm"]}']}


async def test_a_container_that_publishes_nothing_is_asked_at_its_own_address(
    servers: Servers, look: Look, docker: Callable[[Any], Awaitable[list[str]]]
) -> None:
    port = (await servers.http(shapes.OLLAMA)).port
    ports = [{"PrivatePort": port, "Type": "tcp"}]
    await docker(
        [entry("llm", Ports=ports, NetworkSettings={"Networks": {"bridge": {"IPAddress": "127.0.0.1"}}})]
    )
    assert found(await look("llm")) == [(f"http://127.0.0.1:{port}/v1", "ollama")]


async def test_a_container_that_publishes_where_nobody_listens_is_asked_at_its_own_address(
    servers: Servers, look: Look, docker: Callable[[Any], Awaitable[list[str]]], free_port: int
) -> None:
    port = (await servers.http(shapes.VLLM)).port
    ports = [{**published(free_port), "PrivatePort": port}]
    await docker([entry("llm", Ports=ports, NetworkSettings={"Networks": {"n": {"IPAddress": "127.0.0.1"}}})])
    assert found(await look("llm")) == [(f"http://127.0.0.1:{port}/v1", "vllm")]


async def test_a_container_in_the_hosts_network_is_asked_at_the_usual_ports(
    servers: Servers, look: Look, docker: Callable[[Any], Awaitable[list[str]]]
) -> None:
    port = (await servers.http(shapes.VLLM)).port
    await docker([entry("llm", NetworkSettings={"Networks": {"host": {"IPAddress": ""}}})])
    assert found(await look("llm", ports=(port,))) == [(f"http://127.0.0.1:{port}/v1", "vllm")]


async def test_containers_come_in_the_order_of_the_setting(
    servers: Servers, look: Look, docker: Callable[[Any], Awaitable[list[str]]]
) -> None:
    one, two = (await servers.http(shapes.VLLM)).port, (await servers.http(shapes.SGLANG)).port
    await docker([entry("b", Ports=[published(one)]), entry("a", Ports=[published(two)])])
    assert [kind for _, kind in found(await look("a", "b"))] == ["sglang", "vllm"]


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        ([], "there is no such container; see `docker ps --all`"),
        ([entry("llm", State="exited")], "the container does not run (exited); `docker start llm`"),
        ([entry("llm", State="paused")], "the container does not run (paused); `docker unpause llm`"),
        ([entry("llm", State="restarting")], "the container does not run (restarting); `docker logs llm`"),
        (
            [entry("llm", Ports=[published(1)])],
            "the container runs, and no language model answers there (127.0.0.1:1); it may still be loading, see "
            "`docker logs llm`",
        ),
        (
            [entry("llm")],
            "the container runs, and no language model answers there (no port); it may still be loading, see "
            "`docker logs llm`",
        ),
    ],
)
async def test_a_container_that_does_not_serve(
    look: Look, docker: Callable[[Any], Awaitable[list[str]]], listing: Any, words: str
) -> None:
    await docker(listing)
    notes = await look("llm")
    assert in_order(notes.troubles) == (f"LLM_CONTAINER_NAME=llm: {words}",)
    assert not notes.seen


async def test_a_container_without_a_model_says_how_to_get_one(
    servers: Servers, look: Look, docker: Callable[[Any], Awaitable[list[str]]]
) -> None:
    port = (await servers.http(shapes.OLLAMA_EMPTY)).port
    await docker([entry("llm", Ports=[published(port)])])
    notes = await look("llm")
    words = f"127.0.0.1:{port} (ollama) has no model; run `ollama pull llama3.2`"
    assert in_order(notes.troubles) == (f"LLM_CONTAINER_NAME=llm: {words}",)


async def test_no_docker(look: Look, tmp_path: Path) -> None:
    (trouble,) = in_order((await look("llm", "other")).troubles)
    assert trouble.startswith(
        f"LLM_CONTAINER_NAME=llm,other: Docker's socket {tmp_path}/docker.sock is not there; "
    )
    assert "LLM_URLS" in trouble


async def test_a_socket_where_nobody_listens(look: Look, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "docker.sock"))
    (trouble,) = in_order((await look("llm")).troubles)
    assert "nobody listens at" in trouble


async def test_a_socket_that_may_not_be_opened(
    look: Look, docker: Callable[[Any], Awaitable[list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    await docker([])
    monkeypatch.setattr(socket.socket, "connect", refuse)  # permissions do not hold root back
    (trouble,) = in_order((await look("llm")).troubles)
    assert "add it to the group docker" in trouble


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (
            Said(status=400, body='{"message":"client version is too old"}'),
            "(HTTP 400: client version is too old)",
        ),
        (Said(body="<html>"), "is not Docker (HTTP 200)"),
        (Said(body="x" * 2_000_000), "answers more than 1,000,000 bytes"),
    ],
)
async def test_something_else_at_the_socket(
    look: Look, docker: Callable[[Any], Awaitable[list[str]]], listing: Said, words: str
) -> None:
    await docker(listing)
    (trouble,) = in_order((await look("llm")).troubles)
    assert words in trouble


async def test_a_name_that_none_can_have_keeps_no_other_from_being_found(
    servers: Servers, look: Look, docker: Callable[[Any], Awaitable[list[str]]]
) -> None:
    port = (await servers.http(shapes.VLLM)).port
    await docker([entry("llm", Ports=[published(port)])])
    notes = await look("a b", "llm")
    assert in_order(notes.troubles) == (
        "LLM_CONTAINER_NAME=a b: no container can have this name; see `docker ps`",
    )
    assert len(found(notes)) == 1


async def test_without_names_docker_is_not_asked(
    look: Look, docker: Callable[[Any], Awaitable[list[str]]]
) -> None:
    asked = await docker([])
    assert not (await look()).troubles
    assert not asked
