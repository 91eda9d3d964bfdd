"""What beats and calls have in common when they ask the registry over HTTP."""

from __future__ import annotations

import ssl

import aiohttp
from pydantic import SecretStr

from heartbeat.resolver import Resolver

LONGEST_WORDS = 160
"""Characters of an error's own words that are repeated."""


def open_session(
    *,
    user_agent: str,
    token: SecretStr | None,
    tls: ssl.SSLContext | None = None,
    connect_timeout: float | None = None,
    keepalive_timeout: float | None = None,
) -> aiohttp.ClientSession:
    """Connections to the registry, for the running event loop. Proxies of the environment are not used.

    Ask with ``allow_redirects=False``: requests carry the token.

    Args:
        user_agent: Who asks, for the registry's log.
        tls: For https; None = one that is made once for the process.
        connect_timeout: Seconds for a host that does not answer at all; None = no limit.
        keepalive_timeout: Seconds that an unused connection stays open; None = each request has its own, to an address
            that is looked up anew.
    """
    headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.get_secret_value()}"
    is_kept = keepalive_timeout is not None
    return aiohttp.ClientSession(
        headers=headers,
        connector=aiohttp.TCPConnector(
            resolver=Resolver(),
            ssl=tls if tls is not None else True,
            use_dns_cache=is_kept,
            force_close=not is_kept,
            keepalive_timeout=keepalive_timeout,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout),
        trust_env=False,
        auto_decompress=False,
    )


async def body_of(answer: aiohttp.ClientResponse, *, most: int, error: type[Exception]) -> bytes:
    """All that is answered. Raises `error`, made with one sentence, when that is more than `most` bytes."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > most:
            answer.close()
            raise error(f"HTTP {answer.status} with more than {most:,} bytes")
    return bytes(body)


def words(error: BaseException) -> str:
    """What went wrong, shortly. Of a value that cannot be sent only the kind of error: it may hold a secret."""
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:LONGEST_WORDS]
    if isinstance(error, ValueError):
        return type(error).__name__
    return (str(error) or type(error).__name__)[:LONGEST_WORDS]
