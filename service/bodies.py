"""Bodies of requests: bounded, and JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.types import Receive, Scope

from service.errors import FieldError, NotJsonError, SlowError, TooLargeError

MAX_BODY_BYTES = 10 * 1_024 * 1_024

_READ_TIMEOUT = 30.0
"""Seconds that a body has to come. Who sends a byte a minute, or none, must not hold a connection for ever."""

_decode = msgspec.json.Decoder().decode


class GoneError(Exception):
    """The client went away; nobody is left to be answered."""


async def read_object(scope: Scope, receive: Receive) -> dict[str, Any]:
    """The object of JSON that a request holds.

    Raises:
        ServiceError: It is too large, too slow, or no object of JSON.
        GoneError: The client went away.
    """
    body = await _read(scope, receive)
    try:
        value = _decode(body)
    except msgspec.ValidationError as error:
        raise NotJsonError(f"the body holds a number that nobody can hold: {error}") from error
    except msgspec.DecodeError as error:
        raise NotJsonError(f"the body is no JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise NotJsonError("the body is no JSON: it is not UTF-8") from error
    except RecursionError as error:
        raise NotJsonError("the body is no JSON for us: it is nested too deeply") from error
    if not isinstance(value, dict):
        raise FieldError('the body must be an object of JSON, like {"message": "…"}')
    return value


async def _read(scope: Scope, receive: Receive) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > MAX_BODY_BYTES:
            raise _too_large()
    parts: list[bytes] = []
    n_bytes = 0
    try:
        async with asyncio.timeout(_READ_TIMEOUT):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                part = message.get("body", b"")
                n_bytes += len(part)
                if n_bytes > MAX_BODY_BYTES:
                    raise _too_large()
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as error:
        raise SlowError(f"the body did not come in {_READ_TIMEOUT:g} s") from error


def _too_large() -> TooLargeError:
    return TooLargeError(f"the body is larger than {MAX_BODY_BYTES // 1_024**2} MB")
