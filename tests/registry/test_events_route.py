"""Server-sent events over real sockets: what comes, and what is left when nobody reads any more."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from registry.events import event
from registry.running import Registry
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Serve, Start
from tests.registry.lines import FakeLine
from wire import LogLines, Said


class Stream:
    """Events as a browser reads them."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[str, Any]:
        """The name and the data of the next event; its name is empty at the end."""
        lines = []
        async with asyncio.timeout(3):
            while line := (await self.response.content.readline()).decode().rstrip("\n"):
                lines.append(line)
        if not lines:
            return "", None
        assert [line.partition(": ")[0] for line in lines] == ["event", "data"]
        return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


@asynccontextmanager
async def opened(http: aiohttp.ClientSession, url: str, path: str = "/api/events") -> AsyncIterator[Stream]:
    async with http.get(f"{url}{path}", headers={"accept": "text/event-stream"}) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        yield Stream(response)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110  # sockets tell nobody that they have noticed
            await asyncio.sleep(0.01)


async def test_changes_are_told_together(registry: Registry, url: str, http: aiohttp.ClientSession) -> None:
    async with opened(http, url) as stream:
        name, data = await stream.next()
        assert (name, data["registry"]["counts"]["running"]) == ("hello", 0)
        for agent_id in ("a", "b", "b"):
            registry.fleet.take(a_beat(agent_id), source="")
        name, data = await stream.next()
        assert name == "agents"
        assert [agent["agentId"] for agent in data["agents"]] == ["a", "b"]
        assert data["registry"]["counts"]["running"] == 2

        registry.fleet.take(a_beat("a"), source="")  # says nothing new: nobody hears of it
        agent = registry.fleet.get("b")
        registry.fleet.remove(agent, by="ann", reason="old", even_alive=True)
        name, data = await stream.next()
        assert (name, data["agents"], data["removed"]) == ("agents", [], ["b"])


async def test_a_change_of_so_many_that_a_new_list_is_cheaper(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    async with opened(http, url) as stream:
        await stream.next()
        for number in range(501):
            registry.fleet.take(a_beat(f"{number}"), source="")
        assert await stream.next() == ("reload", {})


async def test_a_reader_that_leaves_is_forgotten(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    async with opened(http, url) as stream:
        await stream.next()
        assert registry.events.n_readers == 1
    await until(lambda: registry.events.n_readers == 0)


N_ROUNDS = 60


async def flooded(registry: Registry, url: str) -> socket.socket:
    """A connection to the events that has not been read while 30 megabytes of changes came."""
    lazy = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    lazy.setblocking(False)
    lazy.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(lambda: registry.events.n_readers == 1)
    for number in range(200):
        registry.fleet.take(a_beat(f"{number}", description="x" * 2_000), source="")
    for _ in range(N_ROUNDS):  # of half a megabyte each
        for agent in registry.fleet:
            registry.events.changed(agent.agent_id)
        await asyncio.sleep(0.005)
    return lazy


async def test_a_reader_that_does_not_read_costs_little_and_is_told_to_load_anew(
    registry: Registry, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.events.PERIOD", 0.001)
    reader, writer = await asyncio.open_connection(sock=await flooded(registry, url))
    n_bytes = 0
    async with asyncio.timeout(3):
        while part := await reader.read(1_000_000):
            n_bytes += len(part)
            if part.endswith(b"event: reload\ndata: {}\n\n\r\n"):
                break
    assert n_bytes < N_ROUNDS * 500_000 / 2, "what it had not read was kept for it"
    registry.events.changed("1")
    assert b"event: agents" in await reader.read(1_000_000)
    writer.close()
    await writer.wait_closed()
    await until(lambda: registry.events.n_readers == 0)


async def test_a_reader_that_does_not_read_is_forgotten_when_its_connection_breaks(
    registry: Registry, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.events.PERIOD", 0.001)
    (await flooded(registry, url)).close()
    await until(lambda: registry.events.n_readers == 0)


async def test_a_server_that_stops_ends_its_streams_at_once(
    registry: Registry, serve: Serve, http: aiohttp.ClientSession
) -> None:
    line = FakeLine(lambda: registry.tails.take("a", LogLines(lines=("one",), is_start=True)))
    registry.fleet.take(a_beat("a"), source="", line=line)
    url = await serve(registry)
    async with opened(http, url) as events, opened(http, url, "/api/agents/a/logs") as logs:
        assert (await events.next())[0] == "hello"
        assert (await logs.next())[0] == "start"
        began_at = time.monotonic()
        registry.begin_closing()
        assert await events.next() == ("", None)
        assert await logs.next() == ("", None)
        assert time.monotonic() - began_at < 4
    async with opened(http, url) as late:
        assert (await late.next())[0] == "hello"
        assert await late.next() == ("", None)


async def test_log_lines_come_as_they_are_written(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    line = FakeLine(lambda: registry.tails.take("a", LogLines(lines=("one", "two"), is_start=True)))
    registry.fleet.take(a_beat("a"), source="", line=line)
    async with opened(http, url, "/api/agents/a/logs") as stream:
        assert await stream.next() == ("start", {"lines": ["one", "two"]})
        registry.tails.take("a", LogLines(lines=("three",)))
        registry.tails.take("a", LogLines(lines=("four", "five")))
        assert await stream.next() == ("lines", {"lines": ["three"]})
        assert await stream.next() == ("lines", {"lines": ["four", "five"]})
    await until(lambda: "registry-log-tail" not in {task.get_name() for task in asyncio.all_tasks()})


@pytest.mark.parametrize("path", ["/api/events", "/api/agents/a/logs"])
async def test_a_quiet_stream_shows_that_it_is_still_there(
    registry: Registry, url: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("registry.events.QUIET", 0.01)
    monkeypatch.setattr("registry.log_tails.QUIET", 0.01)
    line = FakeLine(lambda: registry.tails.take("a", LogLines(lines=("one",), is_start=True)))
    registry.fleet.take(a_beat("a"), source="", line=line)
    async with opened(http, url, path) as stream:
        await stream.next()
        assert await stream.response.content.readline() == b": still there\n"


async def test_a_log_that_cannot_be_had_is_an_error_and_no_stream(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    registry.fleet.take(a_beat("a", status=Said.RUNNING), source="")
    async with http.get(f"{url}/api/agents/a/logs", headers={"accept": "text/event-stream"}) as response:
        assert response.status == 409
        assert (await response.json())["error"]["code"] == "no_line"


async def test_events_need_the_token(start: Start, connect: Connect) -> None:
    client = connect(await start(token="secret"))
    assert (await client.get("/api/events")).status_code == 401


def test_an_event_is_two_lines_and_an_empty_one() -> None:
    assert event("agents", b"{}") == b"event: agents\ndata: {}\n\n"


async def test_sessions_that_tell_something_are_told_apart_from_agents(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    report = {"agentId": "7", "rowId": "7", "room": "agent-7-room"}
    async with opened(http, url) as stream:
        assert (await stream.next())[0] == "hello"
        for session_id in ("one", "a%2Fb", "one"):
            async with http.put(f"{url}/api/sessions/{session_id}", json=report) as taken:
                assert taken.status == 200
        told: list[str] = []
        while len(set(told)) < 2:
            name, data = await stream.next()
            assert name == "sessions"
            told += data["sessions"]
        assert set(told) == {"one", "a/b"}
        registry.fleet.take(a_beat("ada"), source="")
        name, data = await stream.next()
        while name == "sessions":
            name, data = await stream.next()
        assert (name, data["removed"]) == ("agents", [])
