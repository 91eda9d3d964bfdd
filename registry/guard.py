"""Who may talk to the registry: an ASGI layer around all of it.

On loopback without a token, anybody on this machine may. A browser on this machine carries strangers' pages, though,
so requests must be addressed to this machine by one of its own names (else DNS rebinding would get in) and must not
come from a page of another origin. With a token, whoever shows it may: in the header `Authorization: Bearer …`, or in
the cookie that the page's login form sets.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from config.hosts import is_addressed_here, is_same_origin
from registry.errors import ForeignError, RegistryError, TokenError
from registry.replies import send_error

COOKIE = "roomkeeper_token"

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login"})
"""Need no token: they tell nothing, or ask for it."""

_OPEN_PREFIX = "/static/"

WEBHOOK_PATH = "/api/livekit/webhook"
"""What is posted there carries LiveKit's signature instead of the token."""

_LONGEST_KEY = 2_000
"""Bytes of headers that are worth remembering."""

_SEEN = 4_096
"""Combinations of headers that were let in and need not be looked at again."""


class Guard:
    """Lets requests in or answers them itself.

    Args:
        app: What is guarded.
        token: None = none is needed, and only this machine's own names are answered to.
    """

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        self._app = app
        self._token = token
        self._known: set[tuple[bytes | bool, ...]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                self._check(scope)
            except RegistryError as error:
                await send_error(scope, receive, send, error)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        host, origin, authorization, cookie, site = _shown(scope["headers"])
        path: str = scope["path"]
        method: str = scope.get("method", "GET")
        is_webhook = path == WEBHOOK_PATH and method == "POST"
        is_open = is_webhook or path in OPEN_PATHS or path.startswith(_OPEN_PREFIX)
        reads_only = method in ("GET", "HEAD")
        key = (host, origin, authorization, cookie, site, is_open, reads_only)
        if key in self._known:
            return
        _check_origin(
            host.decode("latin-1"),
            origin.decode("latin-1"),
            site.decode("latin-1"),
            reads_only=reads_only,
        )
        if self._token is None:
            _check_host(host.decode("latin-1"))
        elif not is_open:
            self._check_token(authorization.decode("latin-1"), cookie.decode("latin-1"))
        n_bytes = len(host) + len(origin) + len(authorization) + len(cookie) + len(site)
        if not is_open and len(self._known) < _SEEN and n_bytes < _LONGEST_KEY:
            self._known.add(key)

    def knows(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a POST with these headers was let in before."""
        return (*_shown(headers), False, False) in self._known

    def _check_token(self, authorization: str, cookie: str) -> None:
        assert self._token is not None  # noqa: S101  # asked by the caller
        kind, _, shown = authorization.partition(" ")
        candidates = [shown.strip()] if kind.lower() == "bearer" else []
        candidates += _tokens_in(cookie)
        if not candidates:
            raise TokenError("this registry wants a token: send `Authorization: Bearer <REGISTRY_TOKEN>`")
        if not any(same(one, self._token) for one in candidates):
            raise TokenError("the token is wrong: it must be the registry's REGISTRY_TOKEN")


def _shown(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """What a request shows of who sends it: Host, Origin, Authorization, Cookie, Sec-Fetch-Site."""
    host = origin = authorization = cookie = site = b""
    for name, value in headers:
        match name:
            case b"host":
                host = value
            case b"origin":
                origin = value
            case b"authorization":
                authorization = value
            case b"cookie":
                cookie = value
            case b"sec-fetch-site":
                site = value
            case _:
                pass
    return host, origin, authorization, cookie, site


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing about them."""
    return hmac.compare_digest(one.encode(), other.encode())


def _tokens_in(cookie: str) -> Iterable[str]:
    # Not `http.cookies`: one odd cookie of another program on this host makes it see none at all.
    shown = cookie_parser(cookie).get(COOKIE)
    return [] if shown is None else [shown]


def _check_host(host: str) -> None:
    if not is_addressed_here(host):
        raise ForeignError(
            f"Host {host[:80]!r} is no name of this machine; without REGISTRY_TOKEN only localhost and 127.0.0.1 are "
            "answered to"
        )


def _check_origin(host: str, origin: str, site: str, *, reads_only: bool) -> None:
    """Refuse what a page of another origin sends. Programs that are no browsers send no origin."""
    if origin:
        if not is_same_origin(origin, host):
            raise ForeignError(f"Origin {origin[:80]!r} is not this registry ({host[:80]!r})")
    elif site in ("cross-site", "same-site") and not reads_only:
        raise ForeignError("a page of another site may not do this")
