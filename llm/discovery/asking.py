"""One GET, bounded in time and size, that never raises for what is at the other end."""

from __future__ import annotations

import asyncio
import enum
import errno
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

MAX_BODY_BYTES = 1_000_000
"""A list of a thousand models has a fifth of it."""

_MAX_REDIRECTS = 5
_HEADERS = {
    "Accept": "application/json",
    # A body that unpacks to more than it is would pass the limit.
    "Accept-Encoding": "identity",
    "User-Agent": "roomkeeper-discovery",
}


class Why(enum.Enum):
    """Why there is no answer."""

    NOBODY = "nobody"  # refused, no route, or the host does not answer at all
    NO_NAME = "no_name"  # the host's name is unknown
    NO_SOCKET = "no_socket"  # the Unix socket is not there
    NOT_ALLOWED = "not_allowed"  # the Unix socket may not be opened
    LATE = "late"  # it took the connection, and said nothing in time
    BROKEN = "broken"  # the connection broke, or what came is not HTTP
    TOO_LONG = "too_long"
    REDIRECTS = "redirects"  # in a circle, or to where nobody can follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No answer."""

    why: Why
    words: str
    """Of what happened, to stand after a name: `does not answer within 2 s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    def json(self) -> object:
        """The body, parsed; None for what is no JSON."""
        try:
            parsed: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long one question may take."""

    connect: float
    """Seconds until the host must have taken the connection."""

    total: float
    """Seconds until the last byte."""


def http_only(*, socket: str | None = None) -> httpx.AsyncClient:
    """A client for servers nearby: no proxy, no certificates, and no connection that is kept.

    Args:
        socket: Path of a Unix socket to talk through.
    """
    no_certificates = ssl.SSLContext(
        ssl.PROTOCOL_TLS_CLIENT
    )  # loading them takes 50 ms, and nobody asks https
    transport = httpx.AsyncHTTPTransport(
        uds=socket, verify=no_certificates, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
    )
    return httpx.AsyncClient(transport=transport, trust_env=False, verify=no_certificates)


async def ask(
    client: httpx.AsyncClient,
    url: str,
    *,
    limits: Limits,
    params: Mapping[str, str] | None = None,
    follow: bool = False,
) -> Answer | Silence:
    """GET `url`.

    Args:
        follow: Whether redirects are followed, five at most.
    """
    try:
        async with asyncio.timeout(limits.total):
            return await _ask(client, url, limits, params, follow=follow)
    except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
        return Silence(why=Why.LATE, words=f"does not answer within {limits.total:g} s")
    except httpx.UnsupportedProtocol:
        return Silence(why=Why.REDIRECTS, words="redirects to what is no http:// or https:// URL")
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return _unconnected(error)
    except httpx.HTTPError as error:
        words = "breaks the connection, or does not speak HTTP"
        return Silence(why=Why.BROKEN, words=f"{words} ({type(error).__name__})")
    except (httpx.InvalidURL, ValueError):  # also a name that no name server can be asked for
        return Silence(why=Why.NO_NAME, words="has no address that can be asked")


async def _ask(
    client: httpx.AsyncClient, url: str, limits: Limits, params: Mapping[str, str] | None, *, follow: bool
) -> Answer | Silence:
    timeout = httpx.Timeout(limits.total, connect=limits.connect)
    request = client.build_request("GET", url, params=params, headers=_HEADERS, timeout=timeout)
    for _ in range(_MAX_REDIRECTS + 1):
        if client.is_closed:
            return Silence(why=Why.NOBODY, words="was not asked: the search was given up")
        # Redirects by hand: httpx would read the body of each one to its end.
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if not follow or response.next_request is None:
                return await _read(response)
            request = response.next_request
        finally:
            await response.aclose()
    return Silence(why=Why.REDIRECTS, words=f"redirects more than {_MAX_REDIRECTS} times")


async def _read(response: httpx.Response) -> Answer | Silence:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return Silence(why=Why.TOO_LONG, words=f"answers more than {MAX_BODY_BYTES:,} bytes")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=bytes(body))


def _unconnected(error: httpx.TransportError) -> Silence:
    numbers = _errnos(error)
    if errno.ENOENT in numbers:
        return Silence(why=Why.NO_SOCKET, words="is not there")
    if numbers & {errno.EACCES, errno.EPERM}:
        return Silence(why=Why.NOT_ALLOWED, words="may not be opened")
    return Silence(why=Why.NOBODY, words="takes no connection")


def _errnos(error: BaseException | None) -> frozenset[int]:
    found = set()
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            found.add(error.errno)
        error = error.__cause__ or error.__context__
    return frozenset(found)
