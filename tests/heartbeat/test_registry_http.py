"""What is common to all that asks the registry over HTTP."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from pydantic import SecretStr

from heartbeat.registry_http import LONGEST_WORDS, body_of, open_session, words
from tests.heartbeat.fakes import serving

BODY = b"x" * 1_000


class Server:
    """Remembers how it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: list[dict[str, str]] = []
        self.ports: set[object] = set()

    async def answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.ports.add(request.transport.get_extra_info("peername"))
        self.headers.append(dict(request.headers))
        answer = web.Response(body=BODY)
        answer.set_cookie("mine", "7")
        return answer


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/", server.answer)
    async with serving(app) as server.url:
        yield server


@pytest.mark.parametrize(("keepalive_timeout", "n_connections"), [(None, 3), (60.0, 1)])
async def test_connections_are_kept_where_that_is_asked_for(
    server: Server, keepalive_timeout: float | None, n_connections: int
) -> None:
    async with open_session(user_agent="me", token=None, keepalive_timeout=keepalive_timeout) as session:
        for _ in range(3):
            async with session.get(server.url) as answer:
                assert await body_of(answer, most=1_000, error=LookupError) == BODY
    assert len(server.ports) == n_connections


async def test_it_is_said_who_asks_with_the_token_and_without_cookies(server: Server) -> None:
    async with open_session(user_agent="me", token=SecretStr("secret")) as session:
        for _ in range(2):
            await session.get(server.url)
    assert {(sent["User-Agent"], sent["Authorization"]) for sent in server.headers} == {
        ("me", "Bearer secret")
    }
    assert not any("Cookie" in sent for sent in server.headers)


async def test_without_a_token_none_is_sent(server: Server) -> None:
    async with open_session(user_agent="me", token=None) as session:
        await session.get(server.url)
    assert "Authorization" not in server.headers[0]


async def test_an_answer_that_is_too_long_is_an_error_of_the_callers_kind(server: Server) -> None:
    async with open_session(user_agent="me", token=None) as session, session.get(server.url) as answer:
        with pytest.raises(LookupError, match="HTTP 200 with more than 999 bytes"):
            await body_of(answer, most=999, error=LookupError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("no number"), "no number"),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
        (aiohttp.ClientPayloadError(), "ClientPayloadError"),
        (aiohttp.InvalidURL("http://me:secret@x"), "InvalidURL"),
        (ValueError("Bearer secret"), "ValueError"),
        (aiohttp.ClientError("x" * 500), "x" * LONGEST_WORDS),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_errors_are_told_in_a_few_words_without_secrets(error: Exception, said: str) -> None:
    assert words(error) == said


def test_of_a_connection_that_fails_the_reason_alone_is_told() -> None:
    key = ConnectionKey("registry.example", 3026, False, True, None, None, None)
    tried = OSError("Multiple exceptions: [Errno 111] Connect call failed")
    assert words(aiohttp.ClientConnectorError(key, tried)) == str(tried)
