from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from config import Settings
from llm.discovery import Discovery, Found
from llm.endpoints import Source
from tests.llm.discovery import shapes
from tests.llm.discovery.conftest import Servers
from tests.llm.discovery.test_containers import published
from tests.llm.discovery.test_docker import entry


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Discover(Protocol):
    def __call__(self, *, limit: float = ..., clock: Clock = ..., **settings: Any) -> Discovery: ...


@pytest.fixture
async def discover(tmp_path: Path) -> AsyncIterator[Discover]:
    async with AsyncExitStack() as stack:

        def make(*, limit: float = 4.0, clock: Clock | None = None, **settings: Any) -> Discovery:
            discovery = Discovery(
                Settings(**settings),
                docker_socket=tmp_path / "docker.sock",
                clock=clock or Clock(),
                limit=limit,
            )
            stack.push_async_callback(discovery.aclose)
            return discovery

        yield make


async def test_all_that_is_there_in_order(servers: Servers, discover: Discover, tmp_path: Path) -> None:
    contained, nearby = (await servers.http(shapes.VLLM)).port, (await servers.http(shapes.OLLAMA)).port
    docker = {"/containers/json": [entry("llm", Ports=[published(contained)])]}
    await servers.http(docker, socket=tmp_path / "docker.sock")
    backend = await servers.http({"/": [{"deploy_id": "d-1", "url": "http://far:8000"}]})
    discovery = discover(
        llm_container_name=("llm",),
        agent_discovery_ports=(nearby, contained),
        agent_backend_url=f"http://127.0.0.1:{backend.port}",
    )
    found = await discovery.look()
    assert [(one.id, one.source, one.kind) for one in found.endpoints] == [
        (f"127.0.0.1:{contained}", Source.CONTAINER, "vllm"),
        (f"127.0.0.1:{nearby}", Source.DISCOVERED, "ollama"),
        ("far:8000/d-1", Source.BACKEND, "openai"),
    ]
    assert not found.troubles


async def test_nearby_only_this_machine_is_asked(servers: Servers, discover: Discover) -> None:
    clock, nearby = Clock(), await servers.http(shapes.VLLM)
    backend = await servers.http({"/": [{"url": "http://far:8000"}, {}]})
    discovery = discover(
        clock=clock,
        agent_discovery_hosts=("127.0.0.1", "no/host"),
        agent_discovery_ports=(nearby.port,),
        agent_backend_url=f"http://127.0.0.1:{backend.port}",
        agent_discovery_cache_ttl=300,
    )
    assert [one.host for one in (await discovery.look(nearby_only=True)).endpoints] == [
        f"127.0.0.1:{nearby.port}"
    ]
    assert not backend.asked
    everything = await discovery.look()
    assert len(everything.endpoints) == 2
    assert len(everything.troubles) == 2
    clock.now = 299
    # What was found elsewhere, and what is wrong there, stays known.
    assert await discovery.look(nearby_only=True) == everything
    assert len(backend.asked) == 1
    clock.now = 300
    assert len((await discovery.look(nearby_only=True)).endpoints) == 1


async def test_a_server_that_goes_stays_listed_for_a_while(discover: Discover) -> None:
    clock = Clock()
    async with AsyncExitStack() as stack:
        port = (await Servers(stack).http(shapes.VLLM)).port
        discovery = discover(clock=clock, agent_discovery_ports=(port,), agent_discovery_cache_ttl=60)
        found = await discovery.look()
        assert len(found.endpoints) == 1
    clock.now = 59
    assert await discovery.look() == found
    clock.now = 60
    assert await discovery.look() == Found()


async def test_a_model_that_is_removed_is_gone_at_once(servers: Servers, discover: Discover) -> None:
    routes = dict(shapes.OLLAMA)
    port = (await servers.http(routes)).port
    discovery = discover(agent_discovery_ports=(port,))
    assert len((await discovery.look()).endpoints) == 1
    routes |= shapes.OLLAMA_EMPTY
    assert await discovery.look() == Found(
        troubles=(f"127.0.0.1:{port} (ollama) has no model; run `ollama pull llama3.2`",)
    )


async def test_a_search_ends_in_time_with_what_it_has(servers: Servers, discover: Discover) -> None:
    port, hanging = (await servers.http(shapes.VLLM)).port, await servers.hanging()
    discovery = discover(limit=1.5, agent_discovery_ports=(hanging, port))
    loop = asyncio.get_running_loop()
    start = loop.time()
    found = await discovery.look()
    assert loop.time() - start < 4.5
    assert [one.host for one in found.endpoints] == [f"127.0.0.1:{port}"]
    assert found.troubles == (
        "AGENT_DISCOVERY_HOSTS: 1 of 2 places could not be asked in time; name fewer hosts or ports",
    )


async def test_nothing_anywhere_is_no_trouble(discover: Discover, free_port: int) -> None:
    assert await discover(agent_discovery_ports=(free_port,)).look() == Found()


async def test_a_proxy_is_not_asked(
    servers: Servers, discover: Discover, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
    port = (await servers.http(shapes.VLLM)).port
    assert len((await discover(agent_discovery_ports=(port,)).look()).endpoints) == 1


async def test_searches_at_the_same_time(servers: Servers, discover: Discover) -> None:
    port = (await servers.http(shapes.VLLM)).port
    discovery = discover(agent_discovery_ports=(port,))
    first, second = await asyncio.gather(discovery.look(), discovery.look(nearby_only=True))
    assert first == second
    assert len(first.endpoints) == 1


async def test_closing_ends_a_search(servers: Servers, discover: Discover) -> None:
    is_asked = asyncio.Event()
    port, hanging = (await servers.http(shapes.VLLM)).port, await servers.hanging(is_asked)
    discovery = discover(limit=1.5, agent_discovery_ports=(hanging, port))
    await discovery.look()
    is_asked.clear()
    looking = asyncio.create_task(discovery.look())
    await is_asked.wait()
    async with asyncio.timeout(1.2):
        await discovery.aclose()
        await discovery.aclose()
        found = await looking
    assert [one.host for one in found.endpoints] == [f"127.0.0.1:{port}"]
    # Nothing can be asked any more, and nothing is raised.
    assert (await discovery.look()).endpoints == found.endpoints


async def test_cancelling_a_search_leaves_nothing_behind(servers: Servers, discover: Discover) -> None:
    is_asked = asyncio.Event()
    discovery = discover(agent_discovery_ports=(await servers.hanging(is_asked),))
    looking = asyncio.create_task(discovery.look())
    await is_asked.wait()
    looking.cancel()
    await asyncio.wait({looking})
    assert looking.cancelled()
    assert not {task for task in asyncio.all_tasks() if task.get_name().startswith("llm-")}
