"""Asks an endpoint over HTTP: what it has, and for an answer in pieces. The only module here that opens connections.

OpenAI's own client would do, but for its price: it takes milliseconds of the processor for each request, which a
service with hundreds of callers does not have.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

from config import NO_KEY
from llm.chunks import Chunk
from llm.endpoints import Endpoint
from llm.health import Met, Outcome
from llm.outcomes import AskingError, error_of, failed, status_in
from llm.sse import Events, EventTooLongError

OURS = "roomkeeper"
"""Who owns the models of our own agent service, in its list."""

_MAX_ERROR = 65_536
"""Bytes of an error that are read."""

_MAX_LIST = 2**20

_END_TIMEOUT = 0.1
"""Seconds between the last piece of an answer and its end."""

_KEEP = 120.0
"""Seconds that a connection without work is kept. A caller thinks before the next question."""

_DONE = b"[DONE]"

_decode = msgspec.json.Decoder().decode


class Transport:
    """Connections to all endpoints, kept open between requests. Made at the first request; `aclose` ends them.

    Args:
        tls: A context that is there already; None = made when first needed, which takes a tenth of a second.
    """

    def __init__(self, *, tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        self._tls = tls
        self._near: aiohttp.ClientSession | None = None
        self._far: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        sessions = [self._near, self._far]
        self._near = self._far = None
        for session in sessions:
            if session is not None:
                await session.close()

    @asynccontextmanager
    async def answer(
        self, endpoint: Endpoint, body: Mapping[str, Any]
    ) -> AsyncIterator[AsyncIterator[Chunk]]:
        """Ask for an answer in pieces. Has no limit of its own: put one around it.

        Args:
            endpoint: Whom to ask.
            body: Of the request, `model` and `messages` included.

        Raises:
            AskingError: Now or in the middle: no connection, an HTTP error, or something else than an answer.
        """
        model = body.get("model")
        data = _encoded({**body, "stream": True})
        try:
            async with self._session(endpoint).post(
                f"{endpoint.base_url}/chat/completions",
                data=data,
                headers={
                    **_headers(endpoint),
                    "Content-Type": "application/json",
                    "Accept": "text/event-stream",
                },
                timeout=aiohttp.ClientTimeout(total=None),
                allow_redirects=False,
            ) as response:
                if response.status >= 300:
                    raise await _error(response, endpoint, model=model)
                if response.content_type != "text/event-stream":
                    raise await _not_a_stream(response, endpoint, model=model)
                chunks = _chunks(response, endpoint, model=model)
                try:
                    yield chunks
                finally:
                    await chunks.aclose()
        except AskingError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise failed(_words(error)) from error

    async def models(self, endpoint: Endpoint, *, limit: float) -> tuple[str, ...]:
        """Names of the models that it serves; empty when it does not tell, as some do not.

        Args:
            endpoint: Whom to ask.
            limit: Seconds for the answer.

        Raises:
            AskingError: It does not answer, or not as it should.
        """
        try:
            async with (
                asyncio.timeout(limit),
                self._session(endpoint).get(
                    f"{endpoint.base_url}/models",
                    headers=_headers(endpoint),
                    timeout=aiohttp.ClientTimeout(total=None),
                    allow_redirects=False,
                ) as response,
            ):
                if response.status in {404, 405, 501}:
                    return ()
                if response.status >= 300:
                    raise await _error(response, endpoint, model=None)
                raw = await _read(response, most=_MAX_LIST)
        except TimeoutError as error:
            raise failed(f"no answer in {limit:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise failed(_words(error)) from error
        return _names(raw, response.content_type)

    def _session(self, endpoint: Endpoint) -> aiohttp.ClientSession:
        """One that asks no proxy for this machine, and one that obeys HTTP_PROXY for the rest."""
        if endpoint.is_loopback:
            if self._near is None:
                self._near = self._open(trust_env=False)
            return self._near
        if self._far is None:
            self._far = self._open(trust_env=True)
        return self._far

    def _open(self, *, trust_env: bool) -> aiohttp.ClientSession:
        tls: ssl.SSLContext | bool = self._tls() if self._tls is not None else True
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP, ssl=tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=trust_env,
        )


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        # Half of a surrogate pair, as some browsers cut it. No server could be sent it, and none is to blame.
        outcome = Outcome(met=Met.CANCELLED, reason="the request holds text that is not Unicode")
        raise AskingError(outcome, status=400, is_refusal=True) from error


def _headers(endpoint: Endpoint) -> dict[str, str]:
    key = endpoint.api_key.get_secret_value()
    return {} if key == NO_KEY.get_secret_value() else {"Authorization": f"Bearer {key}"}


async def _chunks(
    response: aiohttp.ClientResponse, endpoint: Endpoint, *, model: Any
) -> AsyncGenerator[Chunk, None]:
    events = Events()
    try:
        while True:
            received = await response.content.readany()
            payloads = events.feed(received) if received else events.end()
            for payload in payloads:
                if payload.strip() == _DONE:
                    await _drain(response)
                    return
                yield _chunk(payload, endpoint, model=model)
            if not received:
                return
    except EventTooLongError as error:
        raise failed(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise failed(_words(error)) from error


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read on to the end of the answer, which mostly comes at once: else its connection could not be used again."""
    with suppress(aiohttp.ClientError, OSError):  # a TimeoutError is one, too
        async with asyncio.timeout(_END_TIMEOUT):
            while await response.content.readany():
                pass


def _chunk(payload: bytes, endpoint: Endpoint, *, model: Any) -> Chunk:
    try:
        chunk = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise failed("the answer's stream holds broken JSON") from error
    if not isinstance(chunk, dict):
        raise failed("the answer's stream holds something else than objects")
    if chunk.get("error"):
        raise _error_of(status_in(chunk), {}, chunk, endpoint, model=model)
    return chunk


async def _error(response: aiohttp.ClientResponse, endpoint: Endpoint, *, model: Any) -> AskingError:
    if response.status < 400:
        reason = f"it redirects to another address (HTTP {response.status}); set the URL to that one"
        return AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason), status=response.status)
    body = _json(await _read(response, most=_MAX_ERROR))
    return _error_of(response.status, response.headers, body, endpoint, model=model)


def _error_of(
    status: int, headers: Mapping[str, str], body: Any, endpoint: Endpoint, *, model: Any
) -> AskingError:
    key = endpoint.api_key.get_secret_value()
    return error_of(status, headers, body, model=model, now=datetime.now(UTC), key=key)


async def _read(response: aiohttp.ClientResponse, *, most: int) -> bytes:
    """The body, which may come in pieces; cut off after `most` bytes."""
    raw = b""
    while len(raw) < most and (received := await response.content.read(most - len(raw))):
        raw += received
    return raw


async def _not_a_stream(response: aiohttp.ClientResponse, endpoint: Endpoint, *, model: Any) -> AskingError:
    body = _json(await _read(response, most=_MAX_ERROR))
    if isinstance(body, dict) and body.get("error"):
        return _error_of(status_in(body), response.headers, body, endpoint, model=model)
    what = "HTML" if response.content_type == "text/html" else response.content_type
    reason = f"it answers {what} and no stream of events; is this the URL of an OpenAI-compatible server?"
    return AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason), status=response.status)


def _names(raw: bytes, content_type: str) -> tuple[str, ...]:
    body = _json(raw)
    listed = body.get("data", body.get("models")) if isinstance(body, dict) else body
    if not isinstance(listed, list):
        what = "HTML" if content_type == "text/html" else "no list"
        reason = f"asked for its models it answers {what}; is this the URL of an OpenAI-compatible server?"
        raise AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason))
    entries = [one for one in listed if isinstance(one, dict)]
    if any(one.get("owned_by") == OURS for one in entries):
        raise AskingError(Outcome(met=Met.MISCONFIGURED, reason="it is an agent service like this one"))
    return tuple(str(one.get("id") or one.get("name")) for one in entries if one.get("id") or one.get("name"))


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"no such host: {error.host}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError | aiohttp.ClientPayloadError):
        return "the connection broke"
    return f"{type(error).__name__}: {error}"[:200]
