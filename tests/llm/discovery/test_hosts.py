from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from config import Settings
from llm.discovery.hosts import Hosts
from llm.discovery.names import Names
from llm.discovery.notes import Notes, in_order
from llm.discovery.probing import Prober
from tests.llm.discovery import shapes
from tests.llm.discovery.conftest import Servers


def hosts_of(prober: Prober, *hosts: str, ports: tuple[int, ...], here: bool = True, **more: Any) -> Hosts:
    settings = Settings(agent_discovery_hosts=hosts, agent_discovery_ports=ports, **more)
    return Hosts(settings, prober, Names(), here=here)


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make names known, all of which are this machine's."""
    real = socket.getaddrinfo

    def know(*names: str, wait: Callable[[], object] = bool) -> None:
        def look_up(host: str | bytes, *rest: Any, **more: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name in names:
                wait()
                return real("127.0.0.1", *rest, **more)
            if name.replace(".", "").isdigit():
                return real(name, *rest, **more)
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return know


async def test_every_port_of_a_host(servers: Servers, prober: Prober, free_port: int) -> None:
    ports = [(await servers.http(routes)).port for routes in (shapes.SGLANG, shapes.WEBSITE, shapes.VLLM)]
    notes = Notes()
    await hosts_of(prober, "localhost", ports=(free_port, *ports)).look(notes)
    found = [one.base_url for _, one in sorted(notes.seen, key=lambda one: one[0])]
    assert found == [f"http://localhost:{ports[0]}/v1", f"http://localhost:{ports[2]}/v1"]
    assert not notes.troubles


async def test_a_name_elsewhere(servers: Servers, prober: Prober, name_server: Callable[..., None]) -> None:
    name_server("gpu")
    port = (await servers.http(shapes.VLLM)).port
    near, far = Notes(), Notes()
    await hosts_of(prober, "GPU", ports=(port,), here=True).look(near)
    await hosts_of(prober, "GPU", ports=(port,), here=False).look(far)
    assert not near.seen
    assert [one.base_url for _, one in far.seen] == [f"http://gpu:{port}/v1"]


async def test_a_broken_name_keeps_no_other_from_being_found(
    servers: Servers, prober: Prober, name_server: Callable[..., None]
) -> None:
    name_server("gpu")
    port = (await servers.http(shapes.VLLM)).port
    notes = Notes()
    await hosts_of(prober, "http://gpu", "nothing", "gpu", ports=(port,), here=False).look(notes)
    assert in_order(notes.troubles) == (
        "AGENT_DISCOVERY_HOSTS: 'http://gpu' is no name or address; ports go to AGENT_DISCOVERY_PORTS",
        "AGENT_DISCOVERY_HOSTS: no host is called nothing; correct it, or write its address",
    )
    assert len(notes.seen) == 1


async def test_a_host_elsewhere_where_nobody_listens_is_told(
    prober: Prober, name_server: Callable[..., None], free_port: int
) -> None:
    name_server("gpu")
    notes = Notes()
    await hosts_of(prober, "gpu", ports=(free_port,), here=False).look(notes)
    (trouble,) = in_order(notes.troubles)
    assert trouble.startswith(f"AGENT_DISCOVERY_HOSTS: nobody listens on gpu at the ports {free_port};")


async def test_a_name_server_that_hangs_is_told(prober: Prober, name_server: Callable[..., None]) -> None:
    is_over = threading.Event()
    name_server("slow", wait=lambda: is_over.wait(4))
    notes = Notes()
    await hosts_of(prober, "slow", ports=(1,), here=False).look(notes)
    is_over.set()
    assert in_order(notes.troubles) == (
        "AGENT_DISCOVERY_HOSTS: the name slow could not be looked up within 1.5 s; write its address",
    )


async def test_those_that_were_not_reached_go_first_the_next_time(servers: Servers, prober: Prober) -> None:
    port = (await servers.http(shapes.VLLM)).port
    hanging = [await servers.hanging() for _ in range(16)]
    hosts = hosts_of(prober, "127.0.0.1", ports=(*hanging, port))
    for n_missed, n_seen in ((17, 0), (16, 1)):
        notes = Notes()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.2):
                await hosts.look(notes)
        (trouble,) = in_order(notes.troubles)
        assert trouble.startswith(
            f"AGENT_DISCOVERY_HOSTS: {n_missed} of 17 places could not be asked in time;"
        )
        assert len(notes.seen) == n_seen


async def test_discovery_can_be_switched_off(servers: Servers, prober: Prober) -> None:
    server = await servers.http(shapes.VLLM)
    hosts = hosts_of(prober, "127.0.0.1", "???", ports=(server.port,), agent_auto_discovery=False)
    await hosts.look(Notes())
    assert not server.asked
