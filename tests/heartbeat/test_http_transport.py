"""Whatever answers in the registry's place is a failure like any other, and soon over."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.http_transport import HttpTransport, Timeouts
from tests.heartbeat.fakes import TOKEN, Registry, a_beat, served, serving
from wire import LINE_PATH, MAX_FRAME_BYTES

HASTE = Timeouts(connect=0.2, post=0.2, open=0.2, send=0.2, close=0.1)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Start = Callable[[Answer], Awaitable[HttpTransport]]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server that answers everything with a function; gives the way to it."""
    stack = []

    async def start(answer: Answer) -> HttpTransport:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        serving_ = serving(app)
        transport = HttpTransport(await serving_.__aenter__(), timeouts=HASTE)
        stack.append((serving_, transport))
        return transport

    yield start
    for serving_, transport in stack:
        await transport.close()
        await serving_.__aexit__(None, None, None)


def answer_with(body: bytes, *, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(
            body=body,
            status=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(answer_with(b"<html>hello</html>"), "HTTP 200, but not as a registry", id="HTML"),
        pytest.param(answer_with(b""), "HTTP 200, but not as a registry", id="nothing"),
        pytest.param(answer_with(b"[1]"), "HTTP 200, but not as a registry", id="other JSON"),
        pytest.param(answer_with(b'{"ttl": "x", "interval": 1}'), "ttl", id="a wrong field"),
        pytest.param(answer_with(b'{"ttl": 1e999, "interval": 1}'), "HTTP 200", id="an endless number"),
        pytest.param(answer_with(b"\xff\xfe"), "HTTP 200", id="bytes"),
        pytest.param(answer_with(b"[" * 60_000), "HTTP 200", id="deep JSON"),
        pytest.param(answer_with(b"oh no", status=500), "HTTP 500", id="500"),
        pytest.param(answer_with(b'{"error": "no"}', status=502), "HTTP 502", id="other errors"),
        pytest.param(answer_with(b"Not found", status=404), "HTTP 404", id="404"),
        pytest.param(
            answer_with(b"", status=302, Location="/api/beats"), "HTTP 302: it sends", id="redirect"
        ),
        pytest.param(
            answer_with(b"", status=307, Location="http://other/"), "HTTP 307: it sends", id="elsewhere"
        ),
        pytest.param(answer_with(b" " * 70_000), "more than 65,536 bytes", id="a long body"),
        pytest.param(
            answer_with(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip"), "HTTP 200", id="a bomb"
        ),
    ],
)
async def test_rubbish_is_a_failure(start: Start, answer: Answer, words: str) -> None:
    transport = await start(answer)
    with pytest.raises(UnreachableError, match=words):
        await transport.post(a_beat())
    with pytest.raises(UnreachableError):
        await transport.open_line(LINE_PATH)


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def flood(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 10_000)


@pytest.mark.parametrize("answer", [hang, drip, flood])
async def test_what_never_ends_is_ended(start: Start, answer: Answer) -> None:
    transport = await start(answer)
    began_at = time.monotonic()
    with pytest.raises(UnreachableError, match=r"no answer within 0\.2 s|more than"):
        await transport.post(a_beat())
    assert time.monotonic() - began_at < 4


async def test_a_line_that_never_opens_is_given_up(start: Start) -> None:
    transport = await start(hang)
    with pytest.raises(UnreachableError, match=r"did not open within 0\.2 s"):
        await transport.open_line(LINE_PATH)


async def on_line(start: Start, play: Callable[[web.WebSocketResponse], Awaitable[object]]) -> str:
    """Why a line is broken on which the registry does this."""

    async def answer(request: web.Request) -> web.StreamResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        await play(line)
        await asyncio.sleep(5)
        return line

    transport = await start(answer)
    line = await transport.open_line(LINE_PATH)
    with pytest.raises(UnreachableError) as raised:
        await line.receive()
    await line.close()
    return str(raised.value)


async def test_a_frame_that_is_too_large_breaks_the_line(start: Start) -> None:
    why = await on_line(start, lambda line: line.send_str(" " * (MAX_FRAME_BYTES + 1)))
    assert "exceeds" in why


async def test_bytes_break_the_line(start: Start) -> None:
    assert "bytes" in await on_line(start, lambda line: line.send_bytes(b"{}"))


async def test_a_registry_that_does_not_read_breaks_the_line(start: Start) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        await asyncio.sleep(5)
        return line

    transport = await start(answer)
    line = await transport.open_line(LINE_PATH)
    with pytest.raises(UnreachableError, match="does not read"):
        await asyncio.gather(*(line.send(b" " * 1_000_000) for _ in range(20)))
    await line.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("http://127.0.0.1:1", "cannot connect", id="refused"),
        pytest.param("http://[::bad", "cannot be asked", id="no URL"),
        pytest.param("ftp://localhost", "cannot be asked", id="another protocol"),
    ],
)
async def test_a_registry_that_is_not_there_is_a_failure(url: str, words: str) -> None:
    transport = HttpTransport(url, timeouts=Timeouts(connect=1, post=2, open=2))
    for attempt in (transport.post(a_beat()), transport.open_line(LINE_PATH)):
        with pytest.raises(UnreachableError, match=words):
            await attempt
    await transport.close()


async def test_a_name_that_nobody_knows_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    transport = HttpTransport("http://registry.example:3026")
    with pytest.raises(UnreachableError, match="cannot connect: Name or service not known"):
        await transport.post(a_beat())
    await transport.close()


async def test_a_port_where_nobody_speaks_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = HttpTransport(f"http://127.0.0.1:{listener.getsockname()[1]}", timeouts=HASTE)
        with pytest.raises(UnreachableError, match="no answer"):
            await transport.post(a_beat())
        await transport.close()


async def test_the_token_is_shown_with_beats_and_lines() -> None:
    registry = Registry()
    async with served(registry, token=TOKEN) as url:
        transport = HttpTransport(url, token=SecretStr(TOKEN))
        await transport.post(a_beat())
        line = await transport.open_line(LINE_PATH)
        await line.close()
        await transport.close()
    assert registry.tokens == [f"Bearer {TOKEN}"] * 2


async def test_a_wrong_token_is_told_in_the_registrys_words_and_not_shown() -> None:
    async with served(Registry(), token=TOKEN) as url:
        transport = HttpTransport(url, token=SecretStr("another-token"))
        with pytest.raises(RefusedError) as raised:
            await transport.post(a_beat())
        await transport.close()
    assert str(raised.value) == "token: the token is wrong"


async def test_a_token_that_cannot_be_sent_is_not_shown() -> None:
    async with served(Registry()) as url:
        transport = HttpTransport(url, token=SecretStr("two\nlines"))
        with pytest.raises(UnreachableError) as raised:
            await transport.post(a_beat())
        await transport.close()
    assert "lines" not in str(raised.value)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with served(Registry()) as url:
        transport = HttpTransport(url)
        await transport.post(a_beat())
        await transport.close()


async def test_a_path_in_the_url_is_kept(start: Start) -> None:
    paths = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.json_response({"ttl": 1, "interval": 1})

    server = await start(answer)
    transport = HttpTransport(f"{server.url}/behind/a/proxy/", timeouts=HASTE)
    await transport.post(a_beat())
    await transport.close()
    assert paths == ["/behind/a/proxy/api/beats"]


async def test_names_are_resolved_without_the_loops_thread_pool(start: Start) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"ttl": 1, "interval": 1})

    def no_pool(*_: object) -> None:
        raise AssertionError("it is closed at the end of the process, when the goodbye is sent")

    server = await start(answer)
    transport = HttpTransport(server.url.replace("127.0.0.1", "localhost"), timeouts=Timeouts())
    asyncio.get_running_loop().run_in_executor = no_pool  # type: ignore[method-assign,assignment]
    assert (await transport.post(a_beat())).ttl == 1
    await transport.close()
