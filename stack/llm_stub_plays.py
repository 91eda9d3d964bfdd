"""How a language model's server answers, well or badly: one coroutine for each way."""

from __future__ import annotations

import asyncio
import enum
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from stack.llm_stub_texts import DONE, PING, Said, error, frame

_NEVER = 86_400.0
_BEFORE_RESET = 0.01
"""Seconds between the last bytes and a reset, or the reset may overtake them: it throws away what is unread."""


class Behaviour(enum.Enum):
    OK = "ok"  # the role, then the words, the finish, the usage when it is asked for
    HANG = "hang"  # takes the request and never sends a header
    SILENT = "silent"  # headers, then nothing
    KEEP_ALIVE = "keep_alive"  # headers, then comments and roles for ever
    DIES = "dies"  # some words, then the connection is reset
    DIES_EARLY = "dies_early"  # headers and the role, then the connection is reset
    UNAUTHORIZED = "unauthorized"  # 401
    FORBIDDEN = "forbidden"  # 403
    MISSING = "missing"  # 404: there is no such model
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After
    ERROR = "error"  # 500
    OVERLOADED = "overloaded"  # 529
    LOADING = "loading"  # 503 as llama.cpp says it while it reads the model, then OK
    SLOW_LOAD = "slow_load"  # takes the request and sends nothing until the model is read, then OK
    HTML = "html"  # 200 with a page, like a captive portal or another program on that port
    ERROR_BODY = "error_body"  # 200 with an error as JSON
    ERROR_IN_STREAM = "error_in_stream"  # 200, headers of a stream, then an error as an event
    BROKEN_FRAMES = "broken_frames"  # 200, events that are no JSON, and one that is cut in two
    ENDLESS = "endless"  # words for ever
    EMPTY = "empty"  # 200 and a stream that only ends
    TOOL_CALL = "tool_call"  # a tool call and no words


WHOLE_SERVER = frozenset(
    {
        Behaviour.HANG,
        Behaviour.UNAUTHORIZED,
        Behaviour.FORBIDDEN,
        Behaviour.ERROR,
        Behaviour.LOADING,
        Behaviour.HTML,
    }
)
"""What a server does on every path; in the other ways it fails at chats only, and lists its models well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One request that is answered."""

    request: web.Request
    said: Said
    is_stream: bool
    delay: float
    """Seconds between the headers (with the role, where it is streamed) and the first word."""
    gap: float
    """Seconds between two words."""
    tail: float
    """Seconds between the last event of a stream and the end of its body."""
    retry_after: float

    async def headers(self) -> web.StreamResponse:
        """Send them, and return what the rest is written to."""
        kind = "text/event-stream" if self.is_stream else "application/json"
        response = web.StreamResponse(headers={"Content-Type": kind, "Cache-Control": "no-cache"})
        await response.prepare(self.request)
        return response

    async def pause(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Break a connection so that the other side sees a reset and not an end. Harmless when it is broken already."""
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def answer(play: Play, behaviour: Behaviour) -> web.StreamResponse:
    """Answer one request. LOADING and SLOW_LOAD are over when this is called, and answer like OK."""
    if behaviour in _REFUSALS:
        status, body = _REFUSALS[behaviour]
        headers = {"Retry-After": f"{play.retry_after:g}"} if behaviour is Behaviour.RATE_LIMITED else None
        return web.json_response(body, status=status, headers=headers)
    return await _PLAYS.get(behaviour, _ok)(play)


async def _ok(play: Play) -> web.StreamResponse:
    if not play.is_stream:
        await play.pause(play.delay + play.gap * len(play.said.words))
        return web.json_response(play.said.completion())
    response = await _begin(play)
    await play.pause(play.delay)
    for number, token in enumerate(play.said.tokens()):
        if number:
            await play.pause(play.gap)
        await response.write(token)
    ending = b"".join(play.said.ending())
    if play.tail > 0:
        await response.write(ending)
        await play.pause(play.tail)
        ending = b""
    await response.write_eof(ending)
    return response


async def _begin(play: Play) -> web.StreamResponse:
    """Headers, and the role."""
    response = await play.headers()
    await response.write(play.said.role())
    return response


async def _hang(play: Play) -> web.StreamResponse:
    await asyncio.sleep(_NEVER)
    return web.Response()


async def _silent(play: Play) -> web.StreamResponse:
    response = await play.headers()
    await asyncio.sleep(_NEVER)
    return response


async def _keep_alive(play: Play) -> web.StreamResponse:
    response = await play.headers()
    while True:
        if play.is_stream:
            await response.write(PING)
            await response.write(play.said.role())
        else:
            await response.write(b" ")  # JSON may begin with any number of them
        await asyncio.sleep(max(play.gap, 0.05))


async def _dies(play: Play) -> web.StreamResponse:
    if play.is_stream:
        response = await _begin(play)
        await play.pause(play.delay)
        tokens = list(play.said.tokens())
        for token in tokens[: max(1, len(tokens) // 2)]:
            await response.write(token)
            await play.pause(play.gap)
    else:
        response = await play.headers()
        await response.write(_half(play.said))
    return await _end_in_reset(play, response)


async def _dies_early(play: Play) -> web.StreamResponse:
    response = await (_begin(play) if play.is_stream else play.headers())
    return await _end_in_reset(play, response)


async def _end_in_reset(play: Play, response: web.StreamResponse) -> web.StreamResponse:
    await asyncio.sleep(_BEFORE_RESET)
    reset(play.request.transport)
    return response


async def _html(play: Play) -> web.StreamResponse:
    text = "<!doctype html><html><title>Sign in</title><body>Sign in to the network</body></html>"
    return web.Response(text=text, content_type="text/html")


async def _error_body(play: Play) -> web.StreamResponse:
    return web.json_response(error("The engine has died", kind="server_error"))


async def _error_in_stream(play: Play) -> web.StreamResponse:
    if not play.is_stream:
        return await _error_body(play)
    response = await play.headers()
    await response.write(frame(error("The engine has died", kind="server_error", code=500)))
    await response.write_eof()
    return response


async def _broken_frames(play: Play) -> web.StreamResponse:
    response = await play.headers()
    if not play.is_stream:
        await response.write(_half(play.said))
    else:
        role = play.said.role()
        await response.write(role[:20])  # in two pieces it is whole, for who waits for its end
        await asyncio.sleep(_BEFORE_RESET)
        await response.write(role[20:])
        await response.write(b'data: {"choices": [{"delta": {"content": "Hel\n\ndata: not JSON at all\n\n')
        await response.write(role[: len(role) // 2])  # and this one never gets its other half
    await response.write_eof()
    return response


async def _endless(play: Play) -> web.StreamResponse:
    response = await (_begin(play) if play.is_stream else play.headers())
    await play.pause(play.delay)
    tokens = list(play.said.tokens()) if play.is_stream else [b" "]
    while True:
        for token in tokens:
            await response.write(token)
            await asyncio.sleep(max(play.gap, 0.001))


async def _empty(play: Play) -> web.StreamResponse:
    if not play.is_stream:
        return web.json_response({**play.said.completion(), "choices": []})
    response = await play.headers()
    await response.write(DONE)
    await response.write_eof()
    return response


def _half(said: Said) -> bytes:
    whole = json.dumps(said.completion()).encode()
    return whole[: len(whole) // 2]


_PLAYS: dict[Behaviour, Callable[[Play], Awaitable[web.StreamResponse]]] = {
    Behaviour.HANG: _hang,
    Behaviour.SILENT: _silent,
    Behaviour.KEEP_ALIVE: _keep_alive,
    Behaviour.DIES: _dies,
    Behaviour.DIES_EARLY: _dies_early,
    Behaviour.HTML: _html,
    Behaviour.ERROR_BODY: _error_body,
    Behaviour.ERROR_IN_STREAM: _error_in_stream,
    Behaviour.BROKEN_FRAMES: _broken_frames,
    Behaviour.ENDLESS: _endless,
    Behaviour.EMPTY: _empty,
}

_REFUSALS: dict[Behaviour, tuple[int, object]] = {
    Behaviour.UNAUTHORIZED: (
        401,
        error("Incorrect API key provided", kind="invalid_request_error", code="invalid_api_key"),
    ),
    Behaviour.FORBIDDEN: (403, error("This key may not do that", kind="permission_error", code="forbidden")),
    Behaviour.MISSING: (
        404,
        error(
            "The model does not exist or is not yours", kind="invalid_request_error", code="model_not_found"
        ),
    ),
    Behaviour.RATE_LIMITED: (
        429,
        error("Rate limit reached", kind="requests", code="rate_limit_exceeded"),
    ),
    Behaviour.ERROR: (500, error("The server had an error", kind="server_error")),
    Behaviour.OVERLOADED: (529, error("Overloaded", kind="overloaded_error")),
}

STILL_LOADING = error("Loading model", kind="unavailable_error", code=503)
"""llama.cpp's body (tools/server), with its status 503."""
