"""What a client sent, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from local_models.errors import RequestError

Body = TypeVar("Body", bound=BaseModel)


def parse_body(kind: type[Body], data: bytes) -> Body:
    """A JSON body.

    Raises:
        RequestError: It is not JSON, or a field is missing or wrong.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RequestError(
            f"{where}: {first['msg']}" if where else first["msg"], code="invalid_value", param=where or None
        ) from error


def flag(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """`true` or `false`.

    Raises:
        RequestError: It is something else.
    """
    value = query.get(name, str(default)).lower()
    if value not in ("true", "false"):
        raise RequestError(f"{name}={value[:40]!r} must be true or false", code="invalid_value", param=name)
    return value == "true"


def number(query: Mapping[str, str], name: str, *, default: int, lowest: int, highest: int) -> int:
    """A whole number between two others, both included.

    Raises:
        RequestError: It is something else.
    """
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not lowest <= int(text[:12]) <= highest:
        raise RequestError(
            f"{name}={text[:40]!r} must be a whole number from {lowest} to {highest}",
            code="invalid_value",
            param=name,
        )
    return int(text)


def check_linear16(query: Mapping[str, str]) -> None:
    """Refuse any encoding but 16-bit PCM.

    Raises:
        RequestError: Another one is named.
    """
    encoding = query.get("encoding", "linear16")
    if encoding != "linear16":
        raise RequestError(
            f"encoding={encoding[:40]!r} is not supported here; use linear16",
            code="unsupported_encoding",
            param="encoding",
        )
