"""A message for the page after a redirect: in a cookie that the next page takes away."""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

_COOKIE = "roomkeeper_said"
_LIFE = 20
"""Seconds. Longer than a redirect takes; a message that nobody fetched must not come up later."""

_LONGEST = 300
"""Characters. Quoted they are twelve times as long at most, and a cookie holds 4,096 bytes."""


def put(response: Response, message: str, *, is_secure: bool) -> None:
    """Have `message` shown by the next page."""
    response.set_cookie(
        _COOKIE,
        quote(message[:_LONGEST], safe=""),
        max_age=_LIFE,
        httponly=True,
        samesite="strict",
        secure=is_secure,
    )


def look(request: Request) -> str:
    """The message for this page; empty when there is none."""
    return unquote(request.cookies.get(_COOKIE, ""), errors="replace")[:_LONGEST]


def take_away(response: Response) -> None:
    """It has been shown."""
    response.delete_cookie(_COOKIE, httponly=True, samesite="strict")
