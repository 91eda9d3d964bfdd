"""How a server ends, and what it says of itself."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import aiohttp
import pytest

from service.app import create_app
from service.running import Service
from service.server import Server
from service.store import Key
from stack.until import until
from tests.service.fakes import FakeModels


class _Served:
    """A server that a test ends by itself."""

    def __init__(self, service: Service, *, end_limit: float = 10.0) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.server = Server(create_app(service), service, end_limit=end_limit)
        self.serving = asyncio.create_task(self.server.serve(sockets=[listening]))

    async def end(self) -> float:
        """Seconds that it took."""
        began_at = time.monotonic()
        self.server.should_exit = True
        await self.serving
        return time.monotonic() - began_at


async def served(service: Service, *, end_limit: float = 10.0) -> _Served:
    made = _Served(service, end_limit=end_limit)
    await until(lambda: made.server.started, timeout=20, what="the server")
    return made


async def test_running_answers_end_by_themselves_and_are_kept(
    service: Service, models: FakeModels, http: aiohttp.ClientSession
) -> None:
    models.gate = asyncio.Event()
    server = await served(service)
    stream = await http.post(
        f"{server.url}/poll_requests", json={"message": "hi", "stream": True, "thread_id": "s"}
    )
    asking = asyncio.create_task(
        http.post(f"{server.url}/poll_requests", json={"message": "hi", "thread_id": "t"})
    )
    await until(lambda: models.n_open == 2, timeout=20, what="both questions")
    ending = asyncio.create_task(server.end())
    await until(lambda: service.answers.is_closing, timeout=20, what="the end")
    with pytest.raises(aiohttp.ClientConnectorError):
        await http.get(f"{server.url}/health")
    assert not ending.done()
    models.gate.set()
    assert (await (await asking).json())["response"] == "It is a fine day."
    assert b"event: done" in await stream.content.read()
    assert await ending < 2
    for thread_id in ("s", "t"):
        assert len(await service.threads.recall(Key("", thread_id))) == 2


@pytest.mark.parametrize("address", ["/poll_requests", "/v1/chat/completions"])
async def test_answers_that_do_not_end_are_cut_in_time_and_told_so(
    service: Service, models: FakeModels, http: aiohttp.ClientSession, address: str
) -> None:
    models.gate = asyncio.Event()
    server = await served(service, end_limit=1.2)
    sent = {"message": "hi", "messages": [{"role": "user", "content": "hi"}]}
    stream = await http.post(f"{server.url}{address}", json={**sent, "stream": True})
    asking = asyncio.create_task(http.post(f"{server.url}{address}", json=sent))
    await until(lambda: models.n_open == 2, timeout=20, what="both questions")
    assert await server.end() < 1.5
    whole = await asking
    assert (whole.status, whole.headers["retry-after"]) == (503, "5")
    assert (await whole.json())["error"]["code"] == "ending"
    *_, data, _, _ = (await stream.content.read()).decode().split("\n")
    assert json.loads(data.removeprefix("data: "))["error"]["code"] == "ending"
    assert models.n_open == 0


async def test_a_client_that_does_not_read_does_not_hold_up_the_end(
    service: Service, models: FakeModels
) -> None:
    models.words = ["w" * 100_000] * 1_000
    server = await served(service, end_limit=1.2)
    body = b'{"message": "hi", "stream": true}'
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
        client.sendall(
            b"POST /poll_requests HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        await until(lambda: models.n_open == 1, timeout=20, what="the question")
        assert await server.end() < 1.5
        assert not server.server.server_state.connections
    assert models.n_closed_early == 1


async def test_a_server_ends_at_once_when_nobody_asks(service: Service, http: aiohttp.ClientSession) -> None:
    server = await served(service)
    async with http.get(f"{server.url}/health") as response:
        assert response.headers["server"] == "roomkeeper", "discovery knows it by this"
    assert await server.end() < 1


async def test_every_answer_says_whose_it_is(url: str, http: aiohttp.ClientSession) -> None:
    for path in ("/", "/nope", "/poll_requests", "/v1/models"):
        async with http.get(f"{url}{path}") as response:
            assert response.headers.getall("server") == ["roomkeeper"]
