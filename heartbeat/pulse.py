"""Beats for ever, whatever the registry does: the logic without threads, sockets or chance."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from heartbeat.commands import Orders
from heartbeat.composer import Composer
from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.line import Line
from heartbeat.outage import Outage, is_final
from heartbeat.schedule import SHORTEST_GAP, clamp_interval, next_delay, patient_delay, retry_delay
from heartbeat.transport import Transport
from wire import Command, Outcome, Reply, Up

logger = logging.getLogger(__name__)

_STOPPED = "stopped"
_SUPERSEDED = "superseded"


class Pulse:
    """Sends beats: on the line when it is open, else by POST, the latest only.

    Args:
        composer: Makes each beat. `interval` is its own until the registry asks for another.
        orders: Carries out what the registry orders.
        outage: Tells people.
        spread: Chance, evenly from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        composer: Composer,
        *,
        orders: Orders,
        outage: Outage,
        spread: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._composer = composer
        self._orders = orders
        self._outage = outage
        self._spread = spread
        self._wake = asyncio.Event()
        self._sent_at = float("-inf")
        self._may_hurry = True
        self._was_heard = False
        self._is_over = False
        self._beating: asyncio.Task[None] | None = None
        self._obeying: set[asyncio.Task[None]] = set()
        self.line = Line(
            transport,
            spread=spread,
            on_open=self._wake.set,
            on_lost=self._wake.set,
            on_command=self._order,
        )

    @property
    def is_heard(self) -> bool:
        """The last beat was taken."""
        return self._was_heard and not self._outage.failures

    def beat_now(self) -> None:
        """Beat soon, because something has changed; at most five times a second.

        Not while the registry is away: the next try has the newest facts anyway.
        """
        if self._may_hurry:
            self._wake.set()

    async def run(self) -> None:
        """Beat until cancelled or ended."""
        async with asyncio.TaskGroup() as tasks:
            line = tasks.create_task(self.line.run(), name="heartbeat-line")
            self._beating = tasks.create_task(self._beat_for_ever(), name="heartbeat-beats")
            try:
                await asyncio.wait({self._beating})
                await asyncio.Future()  # the goodbye still needs the line; whoever says it cancels this
            finally:
                line.cancel()
                for task in self._obeying:
                    task.cancel()

    async def end(self, reason: str, *, limit: float) -> bool:
        """Send the goodbye and nothing after it; `run` is to be cancelled then.

        Args:
            limit: Seconds, whatever the registry does.

        Returns:
            Whether the registry knows.
        """
        self._is_over = True  # `run` may not even have begun
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait({self._beating})
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                return await self._say_goodbye(reason, limit)
        return False

    async def _beat_for_ever(self) -> None:
        while not self._is_over:
            try:
                delay = await self._beat()
            except Exception as error:
                if not self._outage.failures:
                    logger.exception("a beat failed", extra={"action": "heartbeat.failed"})
                delay = self._failed(UnreachableError(type(error).__name__))
            await self._pause(delay)

    async def _beat(self) -> float:
        """Send one beat; the seconds until the next."""
        self._sent_at = asyncio.get_running_loop().time()
        try:
            is_sent = await self._beat_on_line() or await self._post()
        except RefusedError as error:
            return self._refused(error)
        except UnreachableError as error:
            return self._failed(error)
        if is_sent:
            self._outage.worked(now=asyncio.get_running_loop().time())
            self._was_heard = self._may_hurry = True
        return next_delay(self._composer.interval, spread=self._spread())

    async def _beat_on_line(self) -> bool:
        """Whether the beat went on the line. A line that fails is gone; the beat is posted then."""
        if not self.line.is_open:
            return False
        beat = self._composer.compose()
        if beat is None:
            return False
        try:
            self._take(await self.line.beat(beat))
        except UnreachableError as error:
            logger.debug("the line is lost: %s", error, extra={"action": "heartbeat.line_lost"})
            return False
        return True

    async def _post(self) -> bool:
        beat = self._composer.compose()
        if beat is None:
            return False
        reply = await self._transport.post(beat)
        self._take(reply)
        self.line.offer(reply.line)
        return True

    def _take(self, reply: Reply) -> None:
        self._composer.interval = clamp_interval(reply.interval)
        for command in reply.commands:
            self._order(command)

    def _failed(self, error: UnreachableError | RefusedError) -> float:
        self._outage.failed(error, now=asyncio.get_running_loop().time())
        self._may_hurry = False
        retry_after = error.refused.retry_after if isinstance(error, RefusedError) else None
        return retry_delay(self._outage.failures, spread=self._spread(), retry_after=retry_after)

    def _refused(self, error: RefusedError) -> float:
        if error.refused.code == _SUPERSEDED:
            return self._step_aside(error)
        if error.refused.code == _STOPPED:
            # A copy of this process said goodbye, as after a fork that nobody noticed. This one lives.
            self._composer.begin_anew()
            self.line.drop()
            return self._failed(error)
        delay = self._failed(error)
        if is_final(error):
            self._may_hurry = True  # what has changed may be just what was wrong
            return patient_delay(spread=self._spread())
        return delay

    def _step_aside(self, error: RefusedError) -> float:
        name = self._composer.step_aside()
        if name is None:
            return self._failed(error)
        self.line.drop()  # it belongs to the other one
        logger.warning(
            "another process has this agent id now; this one goes on as %s",
            name,
            extra={"action": "heartbeat.renamed", "reason": error.refused.message},
        )
        return 0.0

    async def _pause(self, delay: float) -> None:
        """Wait, or until something is to be told; never beat more than five times a second."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wake.wait()
        rest = self._sent_at + SHORTEST_GAP - loop.time()
        if rest > 0:
            await asyncio.sleep(rest)
        self._wake.clear()

    def _order(self, command: Command) -> None:
        task = asyncio.create_task(self._obey(command), name="heartbeat-order")
        self._obeying.add(task)
        task.add_done_callback(self._obeying.discard)

    async def _obey(self, command: Command) -> None:
        outcome: Outcome | None = await self._orders.obey(command)
        if outcome is not None:
            # Without a line there is no way to tell; the registry sees what the order did in the next beats.
            with suppress(UnreachableError):
                await self.line.say(Up(outcome=outcome))

    async def _say_goodbye(self, reason: str, limit: float) -> bool:
        beat = self._composer.compose_goodbye(reason)
        if beat is None:
            return False
        try:
            if self.line.is_open:
                with suppress(TimeoutError, UnreachableError):
                    async with asyncio.timeout(limit / 2):
                        await self.line.beat(beat)
                        return True
            await self._transport.post(beat)
        except RefusedError as error:
            return error.refused.code == _STOPPED
        except UnreachableError as error:
            logger.debug("the goodbye was not heard: %s", error, extra={"action": "heartbeat.no_goodbye"})
            return False
        return True
