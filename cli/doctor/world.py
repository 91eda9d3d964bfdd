"""What doctor looks at the world with: the network and the clock. Tests have another one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import httpx

from cli.doctor.server_version import ask_version
from config import LiveKitLogin
from config.hosts import leads_here

_CONNECT_TIMEOUT = 1.0


async def listens(host: str, port: int) -> bool:
    """Whether something takes a TCP connection there within a second."""
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await writer.wait_closed()
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The network and the clock."""

    now: Callable[[], datetime]
    transport: httpx.AsyncBaseTransport | None = None
    """None = the network."""

    listens: Callable[[str, int], Awaitable[bool]] = listens
    server_version: Callable[[LiveKitLogin, datetime], Awaitable[str]] = ask_version

    def http(self, base_url: str) -> httpx.AsyncClient:
        """A client for one server, which whoever asked for it closes."""
        return httpx.AsyncClient(
            base_url=base_url,
            timeout=None,  # noqa: S113  # each check has a limit as a whole
            transport=self.transport,
            verify=base_url.startswith("https:"),  # loading certificates takes a while
            trust_env=not leads_here(base_url),
        )
