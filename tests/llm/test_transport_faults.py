"""Whose fault an error is, and kept connections that the server has closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from llm.chunks import text_of
from llm.health import Met
from llm.outcomes import AskingError
from llm.transport import Transport
from stack.llm_stub import LlmStub
from tests.llm.serving import Servers, at, chunks_of, error_of, events, list_error_of
from tests.llm.stage import HELLO, end, role, word

BODY = {"model": "m", "messages": HELLO.messages}
GOOD = events(role(), word("Good "), word("day"), end())


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.aclose()
    await transport.aclose()


@pytest.mark.parametrize(
    ("fields", "body", "is_proven", "is_refusal"),
    [
        ({"model": "m"}, BODY, False, False),
        ({"models": ("m",)}, BODY, False, False),
        ({"model": "m"}, BODY, True, True),
        ({"model": "m"}, {**BODY, "tools": []}, False, False),
        ({"model": "m"}, {**BODY, "tools": [{"type": "function"}]}, False, True),
        ({"model": "m"}, {**BODY, "model": "private"}, False, True),
        ({}, BODY, False, True),
    ],
)
@pytest.mark.parametrize("status", [403, 404])
async def test_what_a_request_wished_for_itself_may_be_refused(
    transport: Transport,
    servers: Servers,
    status: int,
    fields: dict[str, Any],
    body: dict[str, Any],
    is_proven: bool,
    is_refusal: bool,
) -> None:
    endpoint = at(await servers.refusing(status, "no such model"), **fields)
    with pytest.raises(AskingError) as caught:
        async with transport.answer(endpoint, body, is_proven=is_proven):
            pass
    assert caught.value.is_refusal is is_refusal
    assert "private" not in str(caught.value)


async def test_a_url_with_a_query_is_a_wrong_address(transport: Transport, first: LlmStub) -> None:
    endpoint = at(f"{first.url}?api-version=1")
    for error in (await error_of(transport, endpoint), await list_error_of(transport, endpoint)):
        assert error.outcome.met is Met.MISCONFIGURED
        assert "its URL has a query" in error.outcome.reason
    assert first.counts.total() == 0


# -- a kept connection that the server has closed


class Closing:
    """Answers as many requests of a connection as it is told, then closes it after the next one, or in it."""

    def __init__(self, *, answers: int, begins: bytes = b"") -> None:
        self.n_requests = 0
        self.n_connections = 0
        self._answers = answers
        self._begins = begins

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        for _ in range(self._answers):
            if not await self._take(reader):
                break
            payload = b"".join(GOOD)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(payload)}\r\n\r\n"
            writer.write(head.encode() + payload)
        else:
            await self._take(reader)
            writer.write(self._begins)
        writer.close()

    async def _take(self, reader: asyncio.StreamReader) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(size)
        self.n_requests += 1
        return True


async def test_a_question_is_asked_again_where_a_kept_connection_was_closed(transport: Transport) -> None:
    server = Closing(answers=1)
    async with await asyncio.start_server(server.talk, "127.0.0.1", 0) as listening:
        endpoint = at(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
        for _ in range(2):
            assert "".join(map(text_of, await chunks_of(transport, endpoint))) == "Good day"
    assert (server.n_requests, server.n_connections) == (3, 2)


@pytest.mark.parametrize(
    ("answers", "begins"),
    [(0, b""), (1, b"HTTP/1.1 200 OK\r\nContent-")],
    ids=["new connection", "answer begun"],
)
async def test_no_question_is_asked_twice_that_may_have_been_taken(
    transport: Transport, answers: int, begins: bytes
) -> None:
    server = Closing(answers=answers, begins=begins)
    async with await asyncio.start_server(server.talk, "127.0.0.1", 0) as listening:
        endpoint = at(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
        for _ in range(answers):
            await chunks_of(transport, endpoint)
        error = await error_of(transport, endpoint)
    assert (error.outcome.reason, error.is_unreachable) == ("the connection broke", False)
    assert server.n_requests == answers + 1
