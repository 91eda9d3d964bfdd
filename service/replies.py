"""JSON answers and errors, straight through ASGI."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.types import Send

from service.errors import ServiceError, TokenError, WrongSettingsError

Headers = Iterable[tuple[bytes, bytes]]

as_json = msgspec.json.Encoder().encode

_JSON = (b"content-type", b"application/json")
_CHALLENGE = b'Bearer realm="roomkeeper"'


def error_body(error: ServiceError) -> dict[str, Any]:
    """An error in the shape that OpenAI's clients read, for all addresses."""
    kind = "server_error" if error.http_status >= 500 else "invalid_request_error"
    body: dict[str, Any] = {
        "message": str(error),
        "type": "authentication_error" if isinstance(error, TokenError) else kind,
        "param": error.param,
        "code": error.code,
    }
    if isinstance(error, WrongSettingsError):
        body["lines"] = error.lines
    return {"error": body}


def error_headers(error: ServiceError) -> list[tuple[bytes, bytes]]:
    """What goes with it: when to come again, how to show a token."""
    headers: list[tuple[bytes, bytes]] = []
    if error.retry_after is not None:
        headers.append(retry_after(error.retry_after))
    if isinstance(error, TokenError):
        said = _CHALLENGE if error.is_missing else _CHALLENGE + b', error="invalid_token"'
        headers.append((b"www-authenticate", said))
    return headers


def retry_after(seconds: float) -> tuple[bytes, bytes]:
    """The header; whole seconds, one at least."""
    return (b"retry-after", b"%d" % max(1, math.ceil(seconds)))


async def send_json(send: Send, status: int, value: object, *, headers: Headers = ()) -> None:
    """Answer a request."""
    body = as_json(value)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [_JSON, (b"content-length", b"%d" % len(body)), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: ServiceError) -> None:
    """Answer a request with an error."""
    await send_json(send, error.http_status, error_body(error), headers=error_headers(error))
