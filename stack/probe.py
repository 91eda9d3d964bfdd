"""Ask whether something on this machine answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=1)


async def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with 200 within a second."""
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http, http.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a TCP connection to `port` is accepted within a second."""
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
