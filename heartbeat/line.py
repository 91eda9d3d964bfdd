"""The registry's line, kept open while it is offered: beats go up on it, commands come down."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.schedule import reconnect_delay
from heartbeat.transport import OpenLine, Transport
from wire import Beat, BeatError, Command, Down, Reply, Up, decode_down, encode

logger = logging.getLogger(__name__)

REPLY_TIMEOUT = 5.0
"""Seconds for the reply to a beat. A server that is dead or hangs is found by this; it pings us to find the reverse."""

CLOSE_TIMEOUT = 0.5

STEADY_PERIOD = 5.0
"""Seconds that a line must last to be called good. One that breaks sooner is opened again more and more slowly."""

_LONGEST_PATH = 1_000


class Line:
    """Opens the line when it is offered, and again whenever it breaks.

    Args:
        spread: Chance, evenly from 0 to 1.
        on_open: Called when a line is open. A beat must follow: it tells whose line it is.
        on_lost: Called when a line that broke could not be had again at the first try.
        on_command: Called with each command.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        spread: Callable[[], float],
        on_open: Callable[[], None],
        on_lost: Callable[[], None],
        on_command: Callable[[Command], None],
    ) -> None:
        self._transport = transport
        self._spread = spread
        self._on_open = on_open
        self._on_lost = on_lost
        self._on_command = on_command
        self._path = ""
        self._offered = asyncio.Event()
        self._retry = asyncio.Event()
        self._open: OpenLine | None = None
        self._serving: asyncio.Timeout | None = None
        self._answers: deque[asyncio.Future[Reply]] = deque()
        """Of the beats that were sent, oldest first: a reply does not say to which beat."""

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def offer(self, path: str | None) -> None:
        """The registry has answered a posted beat, and offers a line; None = it offers none (any more)."""
        if path is not None and path.startswith("/") and path.isascii() and len(path) <= _LONGEST_PATH:
            self._path = path
            self._offered.set()
            self._retry.set()
        else:
            self._offered.clear()
            self.drop()

    def drop(self) -> None:
        """Close what is open; `run` opens another. May be called twice."""
        self._open = None
        if self._serving is not None and not self._serving.expired():
            self._serving.reschedule(asyncio.get_running_loop().time())

    async def beat(self, beat: Beat) -> Reply:
        """Send a beat, and wait for its reply.

        Raises:
            RefusedError: The registry does not take it.
            UnreachableError: The line is not open, broke, or is dead; it is closed then.
        """
        line = self._open
        if line is None:
            raise UnreachableError("the line is not open")
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        try:
            async with asyncio.timeout(REPLY_TIMEOUT):
                await line.send(encode(Up(beat=beat)))
                return await answer
        except TimeoutError as error:
            self.drop()
            raise UnreachableError("no reply on the line within 5 s") from error
        finally:
            answer.cancel()  # it keeps its place, for the reply that may still come

    async def say(self, up: Up) -> None:
        """Send a frame. Raises `UnreachableError` when the line is not open, or breaks."""
        if self._open is None:
            raise UnreachableError("the line is not open")
        await self._open.send(encode(up))

    async def run(self) -> NoReturn:
        """Keep the line open, for ever."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            await self._offered.wait()
            opened_at = math.inf
            try:
                line = await self._transport.open_line(self._path)
                opened_at = loop.time()
                await self._serve(line)
            except (UnreachableError, RefusedError) as error:
                logger.debug("no line: %s", error, extra={"action": "heartbeat.no_line"})
            except Exception:
                logger.exception("the line failed", extra={"action": "heartbeat.line_failed"})
            failures = 0 if loop.time() - opened_at >= STEADY_PERIOD else failures + 1
            if failures == 1:
                self._on_lost()
            await self._pause(reconnect_delay(failures, spread=self._spread()))

    async def _pause(self, delay: float) -> None:
        self._retry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._retry.wait()

    async def _serve(self, line: OpenLine) -> None:
        """Take what comes down, until the line breaks or is dropped."""
        self._open = line
        self._on_open()
        try:
            with suppress(TimeoutError):  # of `drop`
                async with asyncio.timeout(None) as self._serving:
                    while True:
                        self._take(decode_down(await line.receive()))
        except BeatError as error:
            raise UnreachableError(f"rubbish on the line ({error})") from error
        finally:
            self._open = self._serving = None
            self._fail_answers()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await line.close()

    def _take(self, down: Down) -> None:
        if down.command is not None:
            self._on_command(down.command)
        if (down.reply is None and down.refused is None) or not self._answers:
            return
        answer = self._answers.popleft()
        if answer.done():
            return
        if down.refused is not None:
            answer.set_exception(RefusedError(down.refused))
        elif down.reply is not None:
            answer.set_result(down.reply)

    def _fail_answers(self) -> None:
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(UnreachableError("the line broke"))
        self._answers.clear()
