"""How the server ends."""

from __future__ import annotations

import asyncio
import socket
import time

import aiohttp

from registry.app import create_app
from registry.records import Status
from registry.running import Registry
from registry.server import Server
from tests.registry.beats import a_beat
from wire import Up, encode


async def test_a_server_ends_at_once_though_pages_are_open_and_agents_are_not_blamed(
    registry: Registry, http: aiohttp.ClientSession
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = Server(create_app(registry), registry)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    events = await http.get(f"{url}/api/events")
    await events.content.readline()
    line = await http.ws_connect(f"{url}/api/line")
    await line.send_str(encode(Up(beat=a_beat("a"))).decode())
    await line.receive_str()

    server.should_exit = True
    began_at = time.monotonic()
    assert await events.content.read() != b""
    assert (await line.receive()).type is aiohttp.WSMsgType.CLOSE
    await line.close()
    events.close()
    await serving
    assert time.monotonic() - began_at < 4.5
    agent = registry.fleet.get("a")
    assert (agent.line, agent.verdict.is_suspect, agent.verdict.status) == (None, False, Status.RUNNING)
