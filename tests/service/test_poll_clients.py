"""`POST /poll_requests`: clients that go away, do not send, do not read, or have to wait."""

from __future__ import annotations

import asyncio
import json
import socket

import aiohttp
import pytest

from service import bodies, connections
from service import threads as threads_module
from service.running import Service
from service.store import Key
from stack.until import until
from tests.service.fakes import FakeModels

PATH = "/poll_requests"


def head(n_bytes: int) -> bytes:
    """Of a request whose body has that many."""
    return f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {n_bytes}\r\n\r\n".encode()


@pytest.mark.parametrize("begins", [True, False])
async def test_a_body_that_does_not_come_is_not_waited_for_for_ever(
    url: str, monkeypatch: pytest.MonkeyPatch, *, begins: bool
) -> None:
    monkeypatch.setattr(bodies, "_READ_TIMEOUT", 0.05)
    # By hand: aiohttp sends no head before its body begins.
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(head(100) + (b'{"message' if begins else b""))
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_goes_away_ends_its_answer(
    url: str, http: aiohttp.ClientSession, models: FakeModels, service: Service, *, stream: bool
) -> None:
    models.gate = asyncio.Event()
    sent = {"message": "hi", "thread_id": "t", "stream": stream}
    asking = asyncio.create_task(http.post(f"{url}{PATH}", json=sent).__aenter__())
    await until(lambda: models.n_open == 1, timeout=20, what="the question")
    if stream:
        (await asking).close()
    else:
        asking.cancel()
        await asyncio.wait({asking})
    await until(lambda: models.n_closed_early == 1, timeout=20, what="the end of the answer")
    await until(lambda: len(service.answers) == 0, timeout=20, what="the end of the request")
    models.gate = None
    assert list(await service.threads.recall(Key("", "t"))) == []
    async with http.post(f"{url}{PATH}", json=sent) as response:
        assert response.status == 200
    if not stream:
        await until(lambda: b'status="499"} 1.0' in service.metrics.as_text(), timeout=20, what="the count")


async def test_a_client_that_does_not_read_is_cut_off(
    url: str,
    http: aiohttp.ClientSession,
    models: FakeModels,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "UNREAD_TIMEOUT", 0.1)
    models.words = ["w" * 100_000] * 1_000
    sent = {"message": "hi", "thread_id": "t", "stream": True}
    body = json.dumps(sent).encode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client.sendall(head(len(body)) + body)
        await until(lambda: models.n_closed_early == 1, timeout=20, what="the end of the answer")
        await until(lambda: len(service.answers) == 0, timeout=20, what="the end of the request")
        models.words = ("Fine.",)
        async with http.post(f"{url}{PATH}", json={"message": "and?", "thread_id": "t"}) as response:
            assert (await response.json())["response"] == "Fine."


@pytest.mark.parametrize("stream", [True, False])
async def test_who_waits_too_long_for_a_thread_is_told_so(
    url: str,
    http: aiohttp.ClientSession,
    models: FakeModels,
    monkeypatch: pytest.MonkeyPatch,
    *,
    stream: bool,
) -> None:
    monkeypatch.setattr(threads_module, "TURN_TIMEOUT", 0.02)
    models.gate = asyncio.Event()
    sent = {"message": "hi", "thread_id": "t"}
    first = asyncio.create_task(http.post(f"{url}{PATH}", json=sent))
    await until(lambda: models.n_open == 1, timeout=20, what="the question")
    async with http.post(f"{url}{PATH}", json={**sent, "stream": stream}) as response:
        assert (response.status, response.headers["retry-after"]) == (409, "5")
        assert (await response.json())["error"]["code"] == "busy"
    models.gate.set()
    assert (await first).status == 200
