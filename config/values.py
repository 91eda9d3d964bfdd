"""Kinds of values that settings have, each checked with words for what is wrong."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

DAY = 86_400.0


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.username or parts.password:
            raise ValueError("must hold no user name or password")
        _ = parts.port  # raises ValueError for what is no port
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return value.rstrip("/")

    return AfterValidator(check)


def _listed(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


HttpUrl = Annotated[str, _url("http", "https")]
LiveKitUrl = Annotated[str, _url("ws", "wss", "http", "https")]
Port = Annotated[int, Field(ge=1, le=65_535)]

Listed = BeforeValidator(_listed)
"""`a, b` as ("a", "b"); pydantic-settings by itself would want JSON, hence `NoDecode` beside it."""
