"""Beats over HTTP, and the line as a WebSocket, with aiohttp."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import aiohttp
from pydantic import SecretStr

from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.registry_http import LONGEST_WORDS, body_of, open_session, words
from heartbeat.transport import OpenLine
from wire import (
    BEATS_PATH,
    MAX_FRAME_BYTES,
    Beat,
    BeatError,
    Reply,
    decode_refused,
    decode_reply,
    encode_beat,
)

MAX_REPLY_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    connect: float = 3.0
    """Of a host that does not answer at all."""

    post: float = 5.0
    """A whole beat, from the name's address to the last byte of the answer."""

    open: float = 5.0
    """A line, likewise."""

    send: float = 5.0
    """A frame, because the registry does not read."""

    close: float = 0.3
    """A line's polite end."""


class HttpTransport:
    """The registry at `url`. Connections are made at the first use, on the running loop.

    A connection for each beat: one every ten seconds costs nothing, and none is ever found half-closed.
    Proxies of the environment are not used, and a beat is not sent where a redirect says: it carries a token.

    Args:
        url: Like http://localhost:3026, with or without a path.
    """

    def __init__(self, url: str, *, token: SecretStr | None = None, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self.url = url.rstrip("/")
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._line: _HttpLine | None = None

    async def post(self, beat: Beat) -> Reply:
        with _failures(f"no answer within {self._timeouts.post:g} s"):
            async with (
                asyncio.timeout(self._timeouts.post),
                self._http().post(
                    f"{self.url}{BEATS_PATH}",
                    data=encode_beat(beat),
                    headers={"Content-Type": "application/json"},
                    allow_redirects=False,
                ) as answer,
            ):
                body = await body_of(answer, most=MAX_REPLY_BYTES, error=UnreachableError)
                return _reply_in(answer.status, body)

    async def open_line(self, path: str) -> OpenLine:
        with _failures(f"the line did not open within {self._timeouts.open:g} s"):
            async with asyncio.timeout(self._timeouts.open):
                socket = await self._http().ws_connect(
                    f"{self.url}{path}",
                    max_msg_size=MAX_FRAME_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=self._timeouts.close),
                )
        self._line = _HttpLine(socket, self._timeouts)
        return self._line

    async def close(self) -> None:
        session, self._session, self._line = self._session, None, None
        if session is not None:
            await session.close()

    def abandon(self) -> None:
        if self._line is not None:
            self._line.abandon()

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                user_agent="roomkeeper-heartbeat",
                token=self._token,
                connect_timeout=self._timeouts.connect,
            )
        return self._session


class _HttpLine:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, timeouts: Timeouts) -> None:
        self._socket = socket
        self._timeouts = timeouts

    async def send(self, frame: bytes) -> None:
        with _failures("the registry does not read"):
            async with asyncio.timeout(self._timeouts.send):
                await self._socket.send_str(frame.decode())

    async def receive(self) -> bytes:
        with _failures("the line is silent"):
            message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            text: str = message.data
            return text.encode()
        if message.type is aiohttp.WSMsgType.ERROR:
            raise UnreachableError(f"the line broke: {words(message.data)}")
        if message.type is aiohttp.WSMsgType.BINARY:
            raise UnreachableError("the line carries bytes and not text")
        code = self._socket.close_code
        raise UnreachableError(f"the line was closed ({code})" if code else "the line was closed")

    async def close(self) -> None:
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            await self._socket.close()

    def abandon(self) -> None:
        """Put something else in the place of this process's copy of the socket.

        As long as a copy is open anywhere, the registry does not see that the parent has died. Closing it here
        would let asyncio close the same number again later, when it may belong to something else.
        """
        socket = self._socket.get_extra_info("socket")
        with suppress(OSError):
            if socket is not None and socket.fileno() >= 0:
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, socket.fileno())
                os.close(nothing)


def _reply_in(status: int, body: bytes) -> Reply:
    if 300 <= status < 400:
        raise UnreachableError(
            f"HTTP {status}: it sends beats elsewhere; set WEB_UI_URL to where it really is"
        )
    try:
        if status == 200:
            return decode_reply(body)
        refused = decode_refused(body)
    except BeatError as error:
        raise UnreachableError(
            f"HTTP {status}, but not as a registry answers ({str(error)[:LONGEST_WORDS]})"
        ) from error
    raise RefusedError(refused)


@contextmanager
def _failures(timed_out: str) -> Iterator[None]:
    """Every way of the network to fail, as `UnreachableError` with a few words."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise UnreachableError("its host does not answer") from error
    except TimeoutError as error:
        raise UnreachableError(timed_out) from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise UnreachableError(f"its certificate is not good: {words(error.certificate_error)}") from error
    except aiohttp.ClientConnectorError as error:
        raise UnreachableError(f"cannot connect: {words(error)}") from error
    except aiohttp.WSServerHandshakeError as error:
        raise UnreachableError(f"the line was not opened: HTTP {error.status}") from error
    except (
        ValueError,
        aiohttp.NonHttpUrlClientError,
    ) as error:  # a URL or a header that cannot be one: its text may hold a secret
        raise UnreachableError(f"cannot be asked: {type(error).__name__}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UnreachableError(words(error)) from error
