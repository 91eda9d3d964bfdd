"""Asks an endpoint over HTTP: what it has, and for an answer in pieces. The only module here that opens connections.

OpenAI's own client would do, but for its price: it takes milliseconds of the processor for each request, which a
service with hundreds of callers does not have.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec

from config import NO_KEY
from llm.chunks import Chunk
from llm.discovery.listings import chat_names, listed_in
from llm.endpoints import Endpoint, way_to_name_a_model
from llm.health import Met, Outcome
from llm.outcomes import AskingError, error_of, failed, status_in
from llm.sse import Events, EventTooLongError

OURS = "roomkeeper"
"""Who owns the models of our own agent service, in its list."""

_MAX_ERROR = 65_536
"""Bytes of an error that are read."""

_MAX_LIST = 2**20
"""Bytes of a list of models that are read."""

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
        self, endpoint: Endpoint, body: Mapping[str, Any], *, is_proven: bool = False
    ) -> AsyncIterator[AsyncIterator[Chunk]]:
        """Ask for an answer in pieces. Has no limit of its own: put one around it.

        Args:
            endpoint: Whom to ask.
            body: Of the request, `model` and `messages` included.
            is_proven: It has answered before: a 403 or 404 is about this request, then.

        Raises:
            AskingError: Now or in the middle: no connection, an HTTP error, or something else than an answer.
        """
        model = body.get("model")
        is_own_model = model not in (endpoint.model, *endpoint.models)
        asked = _Asked(endpoint, model, had_own_wish=is_proven or is_own_model or bool(body.get("tools")))
        url = _url(endpoint, "/chat/completions")
        data = _encoded({**body, "stream": True})
        try:
            async with AsyncExitStack() as stack:
                response = await self._post(stack, endpoint, url, data)
                if response.status >= 300:
                    raise await _error(response, asked)
                if response.content_type != "text/event-stream":
                    raise await _not_a_stream(response, asked)
                chunks = _chunks(response, asked)
                try:
                    yield chunks
                finally:
                    await chunks.aclose()
        except AskingError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failed(error) from error

    async def models(self, endpoint: Endpoint, *, limit: float) -> tuple[str, ...]:
        """Names of the models that it serves and that chat; empty when it does not tell, as some do not.

        Args:
            endpoint: Whom to ask.
            limit: Seconds for the answer.

        Raises:
            AskingError: It does not answer, or not as it should. `is_unreachable` tells whether it was there at all.
        """
        url = _url(endpoint, "/models")
        try:
            async with (
                asyncio.timeout(limit),
                self._session(endpoint).get(
                    url,
                    headers=_headers(endpoint),
                    timeout=aiohttp.ClientTimeout(total=None),
                    allow_redirects=False,
                ) as response,
            ):
                if response.status in {404, 405, 501}:
                    return ()
                if response.status >= 300:
                    raise await _error(response, _Asked(endpoint, None, had_own_wish=False))
                raw = await _read(response, most=_MAX_LIST + 1)
        except TimeoutError as error:
            raise failed(f"no answer in {limit:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failed(error) from error
        if len(raw) > _MAX_LIST and raw.lstrip()[:1] in {b"{", b"["}:
            return ()  # too long to be read, and a list all the same
        return _names(raw, endpoint, response.content_type)

    async def _post(
        self, stack: AsyncExitStack, endpoint: Endpoint, url: str, data: bytes
    ) -> aiohttp.ClientResponse:
        """The response, open until `stack` ends.

        A server may close a kept connection in the moment in which it is used again. aiohttp repeats only what may be
        repeated without harm, so a question to a model is repeated here: once, on a new connection.
        """
        connection = SimpleNamespace(is_reused=False)
        fields: dict[str, Any] = {
            "data": data,
            "headers": {
                **_headers(endpoint),
                "Content-Type": "application/json",
                "Accept": "text/event-stream",
            },
            "timeout": aiohttp.ClientTimeout(total=None),
            "allow_redirects": False,
        }
        session = self._session(endpoint)
        try:
            asking = session.post(url, trace_request_ctx=connection, **fields)
            return await stack.enter_async_context(asking)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not connection.is_reused or _has_begun(error):
                raise
        new = await stack.enter_async_context(self._open(trust_env=session.trust_env))
        return await stack.enter_async_context(new.post(url, **fields))

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
            trace_configs=[_noting_reuse()],
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, as far as its errors need it."""

    endpoint: Endpoint
    model: Any
    _: KW_ONLY
    had_own_wish: bool

    def error(self, status: int, headers: Mapping[str, str], body: Any) -> AskingError:
        """What an error of the server means."""
        return error_of(
            status,
            headers,
            body,
            model=self.model,
            now=datetime.now(UTC),
            key=self.endpoint.api_key.get_secret_value(),
            had_own_wish=self.had_own_wish,
        )


def _url(endpoint: Endpoint, path: str) -> str:
    """Raises AskingError for a URL to which no path can be added."""
    if "?" in endpoint.base_url:
        reason = "its URL has a query (?…), which cannot be kept; set it without"
        raise AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason))
    return f"{endpoint.base_url}{path}"


def _noting_reuse() -> aiohttp.TraceConfig:
    async def note(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx.is_reused = True

    config = aiohttp.TraceConfig()
    config.on_connection_reuseconn.append(note)
    return config


def _has_begun(error: Exception) -> bool:
    """Whether a part of the response has come before the connection broke."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)


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


async def _chunks(response: aiohttp.ClientResponse, asked: _Asked) -> AsyncGenerator[Chunk, None]:
    events = Events()
    try:
        while True:
            received = await response.content.readany()
            payloads = events.feed(received) if received else events.end()
            for payload in payloads:
                if payload.strip() == _DONE:
                    await _drain(response)
                    return
                yield _chunk(payload, asked)
            if not received:
                return
    except EventTooLongError as error:
        raise failed(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise _failed(error) from error


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read on to the end of the answer, which mostly comes at once: else its connection could not be used again."""
    with suppress(aiohttp.ClientError, OSError):  # a TimeoutError is one, too
        async with asyncio.timeout(_END_TIMEOUT):
            while await response.content.readany():
                pass


def _chunk(payload: bytes, asked: _Asked) -> Chunk:
    try:
        chunk = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise failed("the answer's stream holds broken JSON") from error
    if not isinstance(chunk, dict):
        raise failed("the answer's stream holds something else than objects")
    if chunk.get("error"):
        raise asked.error(status_in(chunk), {}, chunk)
    return chunk


async def _error(response: aiohttp.ClientResponse, asked: _Asked) -> AskingError:
    if response.status < 400:
        reason = f"it redirects to another address (HTTP {response.status}); set the URL to that one"
        return AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason), status=response.status)
    body = _json(await _read(response, most=_MAX_ERROR))
    return asked.error(response.status, response.headers, body)


async def _read(response: aiohttp.ClientResponse, *, most: int) -> bytes:
    """The body, which may come in pieces; cut off after `most` bytes."""
    raw = b""
    while len(raw) < most and (received := await response.content.read(most - len(raw))):
        raw += received
    return raw


async def _not_a_stream(response: aiohttp.ClientResponse, asked: _Asked) -> AskingError:
    body = _json(await _read(response, most=_MAX_ERROR))
    if isinstance(body, dict) and body.get("error"):
        return asked.error(status_in(body), response.headers, body)
    what = _TYPES.get(response.content_type, "something else")
    reason = f"it answers {what} and no stream of events; is this the URL of an OpenAI-compatible server?"
    return AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason), status=response.status)


_TYPES = {"text/html": "HTML", "application/json": "JSON", "text/plain": "plain text"}


def _names(raw: bytes, endpoint: Endpoint, content_type: str) -> tuple[str, ...]:
    body = _json(raw)
    listed = body.get("data", body.get("models")) if isinstance(body, dict) else body
    if not isinstance(listed, list):
        what = "HTML" if content_type == "text/html" else "no list"
        reason = f"asked for its models it answers {what}; is this the URL of an OpenAI-compatible server?"
        raise AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason))
    models = tuple(listed_in(listed))
    if any(one.owner == OURS for one in models):
        raise AskingError(Outcome(met=Met.MISCONFIGURED, reason="it is an agent service like this one"))
    # The model that a person has named is taken for what it was named for, whatever its own name says.
    names = chat_names([replace(one, is_chat=one.is_chat or one.name == endpoint.model) for one in models])
    if models and not names:
        reason = f"it has no model that chats; {way_to_name_a_model(endpoint)}"
        raise AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason))
    return names


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _failed(error: Exception) -> AskingError:
    """What a broken connection means. An error's own text may hold what the server has sent."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return failed(f"no such host: {error.host}", is_unreachable=True)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return failed("its certificate is not trusted")
    if isinstance(error, aiohttp.ClientConnectorError):
        is_unreachable = not isinstance(error, aiohttp.ClientSSLError)
        return failed(f"cannot connect to {error.host}:{error.port}", is_unreachable=is_unreachable)
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError | aiohttp.ClientPayloadError):
        return failed("the connection broke")
    return failed(f"it cannot be asked, or does not speak HTTP ({type(error).__name__})")
