"""JSON answers and the API's errors, straight through ASGI: no framework between a beat and its reply."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from registry.errors import RegistryError
from registry.trpc_wire import TRPC_PATH, failure
from wire import Errors, Refused, encode

_encoder = msgspec.json.Encoder(decimal_format="number")

JSON = (b"content-type", b"application/json")


def as_json(value: object) -> bytes:
    """`value` (structs, dataclasses, dicts) as JSON; moments are ISO 8601."""
    return _encoder.encode(value)


def refused(error: RegistryError) -> Refused:
    """An error in words for agents and other programs."""
    return Refused(code=error.code, message=str(error), retry_after=error.retry_after)


async def send_json(
    send: Send, status: int, body: bytes, *, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Answer an HTTP request."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [JSON, (b"content-length", b"%d" % len(body)), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_error(scope: Scope, receive: Receive, send: Send, error: RegistryError) -> None:
    """Answer a request, of HTTP or for a WebSocket, with an error."""
    path: str = scope["path"]
    if path.startswith(TRPC_PATH):
        body = as_json(failure(error, path.removeprefix(TRPC_PATH)))
    else:
        body = encode(Errors(error=refused(error)))
    headers: list[tuple[bytes, bytes]] = []
    if error.http_status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="roomkeeper"'))
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
    if scope["type"] == "websocket":
        await _refuse_websocket(scope, receive, send, _Answer(error.http_status, body, tuple(headers)))
    elif error.http_status == 401 and _wants_page(scope):
        await send({"type": "http.response.start", "status": 303, "headers": [(b"location", b"/login")]})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send_json(send, error.http_status, body, headers=tuple(headers))


class _Answer(NamedTuple):
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send, answer: _Answer) -> None:
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [JSON, *answer.headers]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})


def _wants_page(scope: Scope) -> bool:
    """Whether it is a person with a browser who asks."""
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return scope["method"] == "GET" and b"text/html" in accept
