"""Tells open pages what has changed: one message for all of them, ten times a second at most.

A page that does not read is told, when it reads again, to load everything anew. It never costs more than one message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

logger = logging.getLogger(__name__)

PERIOD = 0.1
"""Seconds over which changes are collected. Nobody sees the difference, and a busy fleet costs one message."""

QUIET = 15.0
"""Seconds after which a line that means nothing is sent, so that proxies keep the connection."""

RELOAD = b"event: reload\ndata: {}\n\n"
STILL_THERE = b": still there\n\n"

_END = b""

_N_UNREAD = 8
"""Messages that may wait for one page."""


class Reader:
    """One open page."""

    def __init__(self) -> None:
        self._unread: asyncio.Queue[bytes] = asyncio.Queue(maxsize=_N_UNREAD)
        self.is_behind = False

    def put(self, message: bytes) -> None:
        if self.is_behind:
            return
        if self._unread.full():
            # What is missing cannot be sent later: it may have changed again. So all of it is loaded again.
            while not self._unread.empty():
                self._unread.get_nowait()
            self._unread.put_nowait(RELOAD)
            self.is_behind = True
            return
        self._unread.put_nowait(message)

    def end(self) -> None:
        """Let `messages` end at once. May be called twice."""
        self.is_behind = True  # nothing more comes in
        while not self._unread.empty():
            self._unread.get_nowait()
        self._unread.put_nowait(_END)

    async def messages(self) -> AsyncIterator[bytes]:
        """What to send, until the registry ends."""
        while True:
            try:
                async with asyncio.timeout(QUIET):
                    message = await self._unread.get()
            except TimeoutError:
                yield STILL_THERE
                continue
            if message is _END:
                return
            if message is RELOAD:
                self.is_behind = False
            yield message


class Events:
    """Collects changes and hands them to all readers.

    Args:
        render: The message for the ids that have changed, as bytes of a server-sent event. Called on the loop.
    """

    def __init__(self, render: Callable[[list[str]], bytes]) -> None:
        self._render = render
        self._changed: dict[str, None] = {}
        self._readers: set[Reader] = set()
        self._is_over = False
        self._some = asyncio.Event()

    @property
    def n_readers(self) -> int:
        return len(self._readers)

    def changed(self, agent_id: str) -> None:
        """An agent has changed. The empty id stands for the registry itself."""
        if self._readers:
            self._changed[agent_id] = None
            self._some.set()

    def open(self) -> Reader:
        """A new reader; it gets what changes from now on."""
        reader = Reader()
        self._readers.add(reader)
        if self._is_over:
            reader.end()
        return reader

    def close(self, reader: Reader) -> None:
        """May be called twice."""
        self._readers.discard(reader)

    def end(self) -> None:
        """Let all readers end, because the registry does. May be called twice."""
        self._is_over = True
        for reader in self._readers:
            reader.end()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._some.wait()
            await asyncio.sleep(PERIOD)
            self._some.clear()
            changed, self._changed = list(self._changed), {}
            if changed and self._readers:
                try:
                    message = self._render(changed)
                except Exception:
                    logger.exception("changes could not be told", extra={"action": "events.failed"})
                    message = RELOAD
                for reader in self._readers:
                    reader.put(message)


def event(name: str, data: bytes) -> bytes:
    """A server-sent event. `data` is JSON in one line."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
