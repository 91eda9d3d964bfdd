"""What goes over the connection, and what comes of odd answers."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import SecretStr

from llm.chunks import text_of
from llm.health import Met
from llm.outcomes import AskingError
from llm.sse import MAX_EVENT
from llm.transport import Transport
from stack.llm_stub import LlmStub
from tests.llm.serving import Servers, at, chunks_of, error_of, events, list_error_of, send
from tests.llm.stage import HELLO, KEY, end, role, word

BODY = {"model": "m", "messages": HELLO.messages}
GOOD = events(role(), word("Good "), word("day"), end())


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.aclose()
    await transport.aclose()


# -- answers


async def test_pieces_come_as_the_server_sent_them(transport: Transport, servers: Servers) -> None:
    odd = {**word("Good "), "service_tier": "x", "n": 1.5}
    server = await servers.sending(*events(role(), odd, end()))
    assert await chunks_of(transport, at(server)) == [role(), odd, end()]


async def test_the_request_says_what_is_wanted_and_who_asks(transport: Transport, first: LlmStub) -> None:
    await chunks_of(transport, at(first, api_key=SecretStr(KEY)), {**BODY, "temperature": 0.5})
    assert first.requests[0] == {**BODY, "temperature": 0.5, "stream": True}
    assert first.authorization == f"Bearer {KEY}"
    await chunks_of(transport, at(first))
    assert first.authorization is None, "no key is better than a made-up one"


@pytest.mark.parametrize("pause", [0.0, 0.03], ids=["at once", "a little later"])
async def test_a_connection_is_used_again_when_its_answer_has_ended(
    transport: Transport, servers: Servers, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "llm.transport._END_TIMEOUT", 30.0
    )  # the machine may stand still for longer than the usual one
    server = await servers.sending(*GOOD, pause)
    for _ in range(3):
        await chunks_of(transport, at(server))
    assert len(server.connections) == 1


async def test_an_answer_ends_also_where_its_connection_does_not(
    transport: Transport, servers: Servers
) -> None:
    server = await servers.sending(*GOOD, 3600)
    async with asyncio.timeout(3):
        assert len(await chunks_of(transport, at(server))) == 4


async def test_an_answer_ends_where_its_last_word_is_followed_by_nothing(
    transport: Transport, servers: Servers
) -> None:
    server = await servers.sending(*GOOD[:-1], b"data: " + json.dumps(end()).encode())
    assert len(await chunks_of(transport, at(server))) == 5


async def test_who_leaves_in_the_middle_ends_the_connection(transport: Transport, servers: Servers) -> None:
    ended = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        try:
            return await send(request, *GOOD[:2], 3600)
        finally:
            ended.set()

    server = await servers.http(take)
    async with transport.answer(at(server), BODY) as chunks:
        assert await anext(chunks) == role()
    async with asyncio.timeout(3):
        await ended.wait()


@pytest.mark.parametrize(
    ("parts", "what", "words"),
    [
        ([b"data: {\n\n"], Met.FAILED, "broken JSON"),
        ([b"data: \xff\xfe\n\n"], Met.FAILED, "broken JSON"),
        ([b"data: " + b"[" * 100_000 + b"\n\n"], Met.FAILED, "broken JSON"),
        ([b"data: [1]\n\n"], Met.FAILED, "something else than objects"),
        ([b"data: " + b"x" * MAX_EVENT, b"x"], Met.FAILED, "an event of more than 4,194,304 bytes"),
        ([b'data: {"error": {"message": "died", "code": 500}}\n\n'], Met.FAILED, "HTTP 500"),
        ([b'data: {"error": {"message": "full", "type": "overloaded_error"}}\n\n'], Met.BUSY, "HTTP 529"),
        ([b'data: {"error": {"message": "slow down", "code": 429}}\n\n'], Met.RATE_LIMITED, "HTTP 429"),
        ([b'data: {"error": "text"}\n\n'], Met.FAILED, "HTTP 500"),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)
async def test_what_is_no_answer_is_told(
    transport: Transport, servers: Servers, parts: list[bytes], what: Met, words: str
) -> None:
    server = await servers.sending(*GOOD[:1], *parts)
    error = await error_of(transport, at(server))
    assert error.outcome.met is what
    assert words in error.outcome.reason


@pytest.mark.parametrize(
    ("body", "kind", "what", "words"),
    [
        (b"<html>", "text/html", Met.MISCONFIGURED, "it answers HTML and no stream"),
        (b"{}", "application/json", Met.MISCONFIGURED, "it answers JSON and no stream"),
        (b"", "text/plain", Met.MISCONFIGURED, "it answers plain text and no stream"),
        (b"", "text/private", Met.MISCONFIGURED, "it answers something else and no stream"),
        (b'{"error": {"message": "died"}}', "application/json", Met.FAILED, "HTTP 500"),
        (
            b'{"error": {"message": "no", "code": "invalid_api_key"}}',
            "application/json",
            Met.MISCONFIGURED,
            "key",
        ),
        (b"[" * 50_000, "application/json", Met.MISCONFIGURED, "no stream"),
    ],
)
async def test_a_good_status_with_something_else_is_told(
    transport: Transport, servers: Servers, body: bytes, kind: str, what: Met, words: str
) -> None:
    server = await servers.sending(body, headers={"Content-Type": kind})
    error = await error_of(transport, at(server))
    assert error.outcome.met is what
    assert words in error.outcome.reason


async def test_an_error_that_comes_in_pieces_is_read_whole(transport: Transport, servers: Servers) -> None:
    async def take(request: web.Request) -> web.StreamResponse:
        parts = (b'{"error": {"message": "The mod', 0.03, b'el m does not exist"}}')
        return await send(request, *parts, headers={"Content-Type": "application/json"}, status=404)

    error = await error_of(transport, at(await servers.http(take)))
    assert error.is_model_missing
    assert error.words == "The model m does not exist"


@pytest.mark.parametrize("size", [65_000, 2_000_000])
async def test_a_long_error_is_cut(transport: Transport, servers: Servers, size: int) -> None:
    error = await error_of(transport, at(await servers.refusing(500, "x" * size)))
    assert (error.outcome.met, error.outcome.reason) == (Met.FAILED, "it answers an error (HTTP 500)")
    assert len(error.words) == (160 if size < 65_536 else 0)


async def test_a_redirect_is_a_wrong_address(transport: Transport, servers: Servers) -> None:
    async def take(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://elsewhere.example"})

    server = await servers.http(take)
    for error in (await error_of(transport, at(server)), await list_error_of(transport, at(server))):
        assert error.outcome.met is Met.MISCONFIGURED
        assert error.outcome.reason == "it redirects to another address (HTTP 302); set the URL to that one"


async def test_a_retry_after_is_passed_on(transport: Transport, first: LlmStub) -> None:
    first.behaviour = type(first.behaviour)("rate_limited")
    first.retry_after = 17
    assert (await error_of(transport, at(first))).outcome.retry_after == 17


async def test_a_key_that_the_server_repeats_is_taken_out(transport: Transport, servers: Servers) -> None:
    key = SecretStr(KEY)
    told = b'data: {"error": {"message": "not %s"}}\n\n' % KEY.encode()
    for server in (
        await servers.refusing(401, f"not {KEY}"),
        await servers.sending(*GOOD[:1], told),
        await servers.sending(told[6:], headers={"Content-Type": "application/json"}),
    ):
        error = await error_of(transport, at(server, api_key=key))
        assert error.words == "not ***"
    server = await servers.refusing(401, f"not {KEY}")
    assert KEY not in repr(await list_error_of(transport, at(server, api_key=key)))


async def test_a_key_that_cannot_be_sent_is_not_told(transport: Transport, first: LlmStub) -> None:
    error = await error_of(transport, at(first, api_key=SecretStr(f"{KEY}\nand more")))
    assert KEY not in repr(error)
    assert first.counts.total() == 0


async def test_text_that_is_no_unicode_is_refused_before_anybody_is_asked(
    transport: Transport, first: LlmStub
) -> None:
    error = await error_of(
        transport, at(first), {**BODY, "messages": [{"role": "user", "content": "\ud83d"}]}
    )
    assert (error.is_refusal, error.status, error.outcome.met) == (True, 400, Met.CANCELLED)
    assert first.counts.total() == 0


# -- no connection


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:{port}/v1", "cannot connect to 127.0.0.1:"),
        ("https://127.0.0.1:{port}/v1", "cannot connect to 127.0.0.1:"),
        ("http://no-such-host.example/v1", "no such host: no-such-host.example"),
    ],
)
async def test_nobody_there_is_told_in_words(
    transport: Transport, unused_tcp_port: int, url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    endpoint = at(url.format(port=unused_tcp_port))
    for error in (await error_of(transport, endpoint), await list_error_of(transport, endpoint)):
        assert error.outcome.met is Met.FAILED
        assert words in error.outcome.reason
        assert error.is_unreachable


async def test_a_server_that_speaks_another_protocol_is_told(transport: Transport) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await error_of(transport, at(f"http://127.0.0.1:{port}/v1"))
    assert error.outcome.met is Met.FAILED
    assert "does not speak HTTP" in error.outcome.reason
    assert "SSH" not in str(error), "what a server sends is not for everybody"
    assert not error.is_unreachable


async def test_a_context_that_is_there_is_taken() -> None:
    made: list[ssl.SSLContext] = []

    def tls() -> ssl.SSLContext:
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    transport = Transport(tls=tls)
    assert made == [], "not before it is needed"
    await list_error_of(transport, at("http://127.0.0.1:9/v1"))
    assert len(made) == 1
    await transport.aclose()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_no_proxy_is_asked_for_this_machine(
    transport: Transport, servers: Servers, monkeypatch: pytest.MonkeyPatch, host: str, unused_tcp_port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def take(request: web.Request) -> web.StreamResponse:
        return await send(request, *GOOD)

    try:
        server = await servers.http(take, host=host)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    assert "".join(map(text_of, await chunks_of(transport, at(server)))) == "Good day"
    with pytest.raises(AskingError):
        await chunks_of(transport, at("http://far.example/v1"))  # there the proxy is asked, and is not there
