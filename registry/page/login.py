"""The token, asked for once: it stays in a cookie that no script can read."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.errors import RegistryError
from registry.guard import COOKIE, same
from registry.page.answers import html, see
from registry.page.forms import read_form
from registry.running import Registry

_LIFE = 30 * 86_400
"""Seconds until the token is asked for again."""

WRONG_PAUSE = 0.5
"""Seconds that an answer to a wrong token takes. A guesser needs the age of the universe anyway; this keeps the
registry out of the work."""


def login_router(registry: Registry) -> APIRouter:
    """`/login` and `/logout`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def ask(request: Request) -> Response:
        if registry.token is None:
            return see("/")
        return _form("", own_address(request.query_params.get("next", "")))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        try:
            form = await read_form(request)
        except RegistryError as error:
            return _form(str(error), "/", status=error.http_status)
        target = own_address(form.get("next", ""))
        if registry.token is None:
            return see(target)
        if not same(form.get("token", "").strip(), registry.token):
            await asyncio.sleep(WRONG_PAUSE)
            return _form("The token is wrong.", target, status=401)
        response = see(target)
        response.set_cookie(
            COOKIE,
            registry.token,
            max_age=_LIFE,
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return response

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        response = see("/login")
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=is_secure(request))
        return response

    return router


def _form(error: str, target: str, *, status: int = 200) -> Response:
    return html("login.html", {"error": error, "next": target}, status=status)


def own_address(text: str) -> str:
    """`text` if it is an address on this registry and nothing else, otherwise the list's."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    is_own = (
        text.isascii()
        and text.isprintable()
        and text.startswith("/")
        and not text.startswith("//")
        and "\\" not in text
        and not parts.netloc
        and not parts.scheme
    )
    return text if is_own else "/"


def is_secure(request: Request) -> bool:
    """Whether the browser came by HTTPS."""
    return request.url.scheme == "https"
