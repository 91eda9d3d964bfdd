"""Finds addresses of the registry's name, and remembers them for when nobody can look them up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

from heartbeat.threads import in_daemon_thread

_Found = list[ResolveResult]


class Resolver(AbstractResolver):
    """Like aiohttp's own, without its thread pool, which holds up the end of a process and is closed before `atexit`.

    Addresses that were found once are used again when looking up fails: at the end of the interpreter no thread
    can be started (CPython 3.12), and the goodbye is still to be sent.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], _Found] = {}
        self._pending: dict[tuple[str, int], asyncio.Task[_Found]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> _Found:
        """Addresses of `host`. Raises `OSError` when there are none. One look-up at a time, also if it hangs."""
        key = (host, port)
        pending = self._pending.get(key)
        if pending is None:
            pending = asyncio.create_task(_look_up(host, port, family), name="heartbeat-resolver")
            self._pending[key] = pending
            pending.add_done_callback(lambda _: self._pending.pop(key, None))
        try:
            self._found[key] = await asyncio.shield(pending)
        except OSError:
            if key not in self._found:
                raise
        return self._found[key]

    async def close(self) -> None:
        """Forget look-ups that hang; their threads end by themselves."""
        for task in list(self._pending.values()):
            task.cancel()


async def _look_up(host: str, port: int, family: socket.AddressFamily) -> _Found:
    def ask() -> Sequence[tuple[int, int, int, str, tuple[object, ...]]]:
        # As bytes: a string would make Python import its IDNA codec, and aiohttp has encoded the name already.
        return socket.getaddrinfo(host.encode("ascii"), port, family=family, type=socket.SOCK_STREAM)

    try:
        infos = await in_daemon_thread(ask, name="roomkeeper-resolver")
    except RuntimeError:
        infos = (
            ask()
        )  # the interpreter ends: whoever waits for the goodbye has a limit, and nothing else is due
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=found,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for found, _, proto, _, address in infos
    ]
