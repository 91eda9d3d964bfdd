"""Sends the log's lines while the registry asks for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from heartbeat.errors import UnreachableError
from heartbeat.tail import Tail
from wire import Command, LogLines, Outcome, Up

logger = logging.getLogger(__name__)

FLUSH_INTERVAL = 0.25
"""Seconds between two looks for new lines. What comes faster than 200 lines in this time is left out."""

LONGEST = 3_600.0
"""Seconds that one order holds at most."""

_NO_LOGGING = "(this program has set up no logging: there is nothing to show)"


class LogStream:
    """Answers the order LOGS: the last lines at once, then each new one until the order ends.

    Args:
        say: Sends a frame; raises `UnreachableError` without a line.
    """

    def __init__(self, tail: Tail, say: Callable[[Up], Awaitable[None]]) -> None:
        self._tail = tail
        self._say = say
        self._until = 0.0
        self._n_sent = 0
        self._ordered = asyncio.Event()

    async def order(self, command: Command) -> Outcome:
        """Send the last lines, and go on for the order's `seconds` from now. Another order renews it."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._until:
            await self._send_new()  # whoever follows already sees new lines only
        lines, self._n_sent = self._tail.last()
        if not lines and not self._tail.is_attached:
            lines = (_NO_LOGGING,)
        try:
            await self._say(Up(logs=LogLines(lines=lines, is_start=True)))
        except UnreachableError as error:
            return Outcome(id=command.id, ok=False, detail=f"logs go on the line only: {error}")
        self._until = loop.time() + min(max(command.seconds or 0.0, 0.0), LONGEST)
        self._ordered.set()
        return Outcome(id=command.id, ok=True)

    async def run(self) -> NoReturn:
        """Send new lines whenever they are asked for."""
        loop = asyncio.get_running_loop()
        while True:
            await self._ordered.wait()
            while loop.time() < self._until:
                await asyncio.sleep(FLUSH_INTERVAL)
                await self._send_new()
            self._ordered.clear()

    async def _send_new(self) -> None:
        lines, self._n_sent = self._tail.since(self._n_sent)
        if not lines:
            return
        try:
            await self._say(Up(logs=LogLines(lines=lines)))
        except UnreachableError as error:
            # Whoever watched is gone with the line; on a new one the registry asks again.
            logger.debug("log lines were not sent: %s", error, extra={"action": "heartbeat.no_logs"})
            self._until = 0.0
