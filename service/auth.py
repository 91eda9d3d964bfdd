"""Who may talk to the service: an ASGI layer around all of it.

With a secret, whoever shows a token that is signed with it: `Authorization: Bearer …`. Without one, anybody on this
machine. A browser on this machine carries strangers' pages, though, so then requests must be addressed to this machine
by one of its own names (else DNS rebinding would get in) and must not come from a page of another origin. Such a page
may link to what is open to all, and to nothing else: a GET can spend tokens too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from config.hosts import is_addressed_here, is_same_origin
from service.errors import ForeignError, ScopeError, ServiceError, TokenError
from service.replies import send_error
from service.tokens import Tokens

OWNER = "roomkeeper.owner"
"""Key of the scope under which the application finds whose token it was; empty = nobody's in particular."""

OPEN_PATHS = frozenset({"/", "/health", "/ready"})
"""Need no token: they hold no secret, and what watches over processes has none to show."""

STEERING_PATHS = frozenset({"/refresh", "/select_model", "/refresh_config"})
"""Change the service for everybody: a token that has scopes must have `admin` among them."""

_MOST_KNOWN = 1_024
_LONGEST_KNOWN = 500

_Shown = tuple[bytes, bytes, bytes, bytes]


class Access:
    """Who is let in.

    Args:
        secret: Signs tokens; None = none is needed, and only this machine's own names are answered to.
        clock: Seconds since 1970.
    """

    def __init__(self, secret: str | None, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret: str | None = None
        self._tokens: Tokens | None = None
        self._near: set[tuple[bytes, bytes, bytes, bool]] = set()
        """What requests showed that were found to come from this machine."""

        self.take_secret(secret)

    def take_secret(self, secret: str | None) -> None:
        """From now on this one counts, and no other. May be called at any time."""
        if secret != self._secret:
            self._secret = secret
            self._tokens = None if secret is None else Tokens(secret, clock=self._clock)

    def owner_of(self, scope: Scope) -> str:
        """Whose token a request shows; empty = nobody's in particular, or none is needed.

        Raises:
            ServiceError: It is not let in.
        """
        host, origin, authorization, site = _shown(scope["headers"])
        if self._tokens is None:
            is_open = scope["path"] in OPEN_PATHS and scope["method"] in {"GET", "HEAD"}
            self._check_near(host, origin, site, is_open=is_open)
            return ""
        if scope["path"] in OPEN_PATHS:
            return ""
        kind, _, token = authorization.decode("latin-1").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise TokenError(
                "this service wants a token: send `Authorization: Bearer <JWT signed with JWT_SECRET>`",
                is_missing=True,
            )
        bearer = self._tokens.bearer_of(token.strip())
        if scope["path"] in STEERING_PATHS and not bearer.may_steer:
            raise ScopeError("the token's scope must have `admin` in it for this")
        return bearer.subject

    def _check_near(self, host: bytes, origin: bytes, site: bytes, *, is_open: bool) -> None:
        shown = (host, origin, site, is_open)
        if shown in self._near:
            return
        name = host.decode("latin-1")
        _check_host(name)
        _check_origin(name, origin.decode("latin-1"), site.decode("latin-1"), is_open=is_open)
        if len(self._near) < _MOST_KNOWN and len(host) + len(origin) + len(site) < _LONGEST_KNOWN:
            self._near.add(shown)


class Guard:
    """Lets requests in, or answers them itself."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope[OWNER] = self._access.owner_of(scope)
            except ServiceError as error:
                await send_error(send, error)
                return
        await self._app(scope, receive, send)


def _shown(headers: Iterable[tuple[bytes, bytes]]) -> _Shown:
    """What a request shows of who sends it: Host, Origin, Authorization, Sec-Fetch-Site."""
    host = origin = authorization = site = b""
    for name, value in headers:
        match name:
            case b"host":
                host = value
            case b"origin":
                origin = value
            case b"authorization":
                authorization = value
            case b"sec-fetch-site":
                site = value
            case _:
                pass
    return host, origin, authorization, site


def _check_host(host: str) -> None:
    if not is_addressed_here(host):
        raise ForeignError(
            f"Host {host[:80]!r} is no name of this machine; without JWT_SECRET only localhost and 127.0.0.1 are "
            "answered to"
        )


def _check_origin(host: str, origin: str, site: str, *, is_open: bool) -> None:
    """Refuse what a page of another origin sends. Programs that are no browsers send no origin.

    Neither do browsers for an image or a link, but then they say which site it is on.
    """
    if origin:
        if not is_same_origin(origin, host):
            raise ForeignError(f"Origin {origin[:80]!r} is not this service ({host[:80]!r})")
    elif site in ("cross-site", "same-site") and not is_open:
        raise ForeignError("a page of another site may not do this")
