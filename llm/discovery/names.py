"""Find out whether a host's name is known, without anybody who waits for a name server that hangs."""

from __future__ import annotations

import asyncio
import socket
import threading


class Names:
    """Looks names up, each in one thread at a time.

    asyncio's own threads are few and shared: a name server that hangs would keep the language model that talks in a
    call from being reached, and the process from ending.
    """

    def __init__(self) -> None:
        self._pending: dict[str, asyncio.Future[bool]] = {}

    async def is_known(self, name: str) -> bool:
        """Whether `name` has an address. May take as long as the name server does: the caller has a limit."""
        pending = self._pending.get(name)
        if pending is None:
            pending = self._pending[name] = asyncio.get_running_loop().create_future()
            pending.add_done_callback(lambda _: self._pending.pop(name, None))
            arguments = (name, pending, asyncio.get_running_loop())
            try:
                threading.Thread(target=_look_up, args=arguments, name="llm-names", daemon=True).start()
            except RuntimeError:  # too many threads, or the interpreter ends
                pending.set_result(False)
        return await asyncio.shield(pending)

    def close(self) -> None:
        """Give up look-ups that hang; their threads end by themselves."""
        for pending in list(self._pending.values()):
            if not pending.done():
                pending.set_result(False)


def _look_up(name: str, answer: asyncio.Future[bool], loop: asyncio.AbstractEventLoop) -> None:
    try:
        is_known = bool(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        is_known = False

    def tell() -> None:
        if not answer.done():
            answer.set_result(is_known)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        return  # the loop has ended: nobody waits
