"""Tells the registry how this process is, from a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import random
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pydantic import SecretStr

from heartbeat.commands import OnOrder, Orders
from heartbeat.composer import Composer
from heartbeat.facts import Facts, Reading
from heartbeat.http_transport import HttpTransport
from heartbeat.log_stream import LogStream
from heartbeat.loop_watch import LoopWatch, WatchedLoop, watch_for_stalls
from heartbeat.masking import Mask
from heartbeat.outage import Outage
from heartbeat.pulse import Pulse
from heartbeat.tail import Tail
from heartbeat.transport import Transport
from heartbeat.vitals import Vitals
from wire import Order, Up

logger = logging.getLogger(__name__)

GOODBYE_TIMEOUT = 2.0
"""Seconds that a process which ends waits for the registry."""

RESTART_DELAY = 5.0
"""Seconds after a failure that nobody foresaw."""

_PATIENCE = 0.1  # seconds beyond a goodbye's limit, for the thread to say that it is over


@dataclass(frozen=True, slots=True, kw_only=True)
class _Farewell:
    reason: str
    timeout: float


class Sender:
    """Beats for this process until it is stopped. Nothing in it raises into its owner, or holds it up.

    Args:
        url: The registry's, like http://localhost:3026.
        token: The registry's token, if it wants one.
        describe: The facts of now. Called in the sender's thread before each beat: it must be quick, and take no
            lock that is held while `stop` waits. What it raises is logged once, and the last facts go out again.
        incarnation: UUID of this life of the process; None = a new one.
        interval: Seconds between two beats, until the registry asks for another interval.
        on_orders: What is called when the registry orders something; see `OnOrder`.
        loop: The process's main event loop, whose lateness the beats tell; None = none (yet).
        secrets: Values that must not leave in log lines and error texts, beside all that looks like one.
    """

    def __init__(
        self,
        url: str,
        *,
        describe: Callable[[], Facts],
        token: SecretStr | None = None,
        incarnation: str | None = None,
        interval: float = 10.0,
        on_orders: Mapping[Order, OnOrder] | None = None,
        loop: WatchedLoop | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        known = {*secrets, token.get_secret_value()} if token is not None else set(secrets)
        mask = self._mask = Mask(known)
        self._tail = Tail(mask)
        self._outage = Outage(mask(url))
        self._on_orders = dict(on_orders or {})
        self._describe = describe
        self._transport: Transport = HttpTransport(url, token=token)
        self._loop_watch = LoopWatch()
        if loop is not None:
            self._loop_watch.watch(loop)
        self._composer = Composer(
            self._describe_now, read=self._read, interval=interval, incarnation=incarnation, mask=mask
        )
        self._vitals: Vitals | None = None
        self._lock = threading.RLock()  # a signal may come while its thread holds it
        self._thread: threading.Thread | None = None
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._pulse: Pulse | None = None
        self._farewell: _Farewell | None = None
        self._stopping = threading.Event()
        self._farewell_asked: asyncio.Event | None = None
        self._goodbye: concurrent.futures.Future[bool] = concurrent.futures.Future()

    @property
    def incarnation(self) -> str:
        return self._composer.incarnation

    @property
    def is_heard(self) -> bool:
        """The last beat was taken by the registry."""
        return self._pulse is not None and self._pulse.is_heard

    @property
    def is_watching(self) -> bool:
        """There is a loop whose lateness the beats tell."""
        return self._loop_watch.is_watching

    @property
    def is_over(self) -> bool:
        """The goodbye has been said, or will never be."""
        return self._goodbye.done()

    def start(self) -> None:
        """Begin to beat. May be called twice; does nothing after `stop`."""
        with self._lock:
            if self._thread is not None or self._farewell is not None:
                return
            self._thread = threading.Thread(target=self._run, name="roomkeeper-heartbeat", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # the machine gives no more threads, or the interpreter ends
                logger.warning("no heartbeat: %s", error, extra={"action": "heartbeat.no_thread"})
                self._thread = None
                return
            _started.add(self)

    def beat_now(self) -> None:
        """Beat soon, because something has changed. From any thread; many calls make at most five beats a second."""
        if self._pulse is not None:
            self._on_own_loop(self._pulse.beat_now)

    def watch(self, loop: WatchedLoop) -> None:
        """Tell the lateness of `loop` from now on, and of no other. From any thread."""
        self._loop_watch.watch(loop)

    def stop(self, reason: str, *, timeout: float = GOODBYE_TIMEOUT) -> bool:
        """Say goodbye, and end. From any thread; the second call waits for the first one's goodbye.

        Args:
            reason: Why the process stops.
            timeout: Seconds for the goodbye, whatever the registry does; 0 = do not wait for it.

        Returns:
            Whether the registry has acknowledged it.
        """
        self._begin_goodbye(reason, timeout)
        if threading.current_thread() is self._thread:
            return False
        try:
            return self._goodbye.result(timeout + _PATIENCE if timeout else 0)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            return False

    async def stop_async(self, reason: str, *, timeout: float = GOODBYE_TIMEOUT) -> bool:
        """As `stop`, for a caller on an event loop: the loop goes on meanwhile."""
        self._begin_goodbye(reason, timeout)
        try:
            async with asyncio.timeout(timeout + _PATIENCE):
                return await asyncio.shield(asyncio.wrap_future(self._goodbye))
        except TimeoutError:
            return False

    def _begin_goodbye(self, reason: str, timeout: float) -> None:
        with self._lock:
            if self._farewell is not None:
                return
            self._farewell = _Farewell(reason=reason, timeout=timeout or GOODBYE_TIMEOUT)
            if self._thread is None:
                self._goodbye.set_result(False)
        self._stopping.set()
        if self._farewell_asked is not None:
            self._on_own_loop(self._farewell_asked.set)

    def _on_own_loop(self, callback: Callable[[], None]) -> None:
        loop = self._own_loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(callback)

    def _describe_now(self) -> Facts:
        self._tail.attach()  # again and again: a program may set up its logging at any time
        return self._describe()

    def _read(self) -> Reading:
        if self._vitals is None:
            self._vitals = Vitals()
        return self._vitals.read(loop_lag=self._loop_watch.lag())

    def _run(self) -> None:
        """The thread."""
        try:
            while not self._goodbye.done():
                try:
                    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                        runner.run(self._beat_until_stopped())
                except Exception:
                    logger.exception("the heartbeat stumbled", extra={"action": "heartbeat.stumbled"})
                    self._stopping.wait(RESTART_DELAY)
        finally:
            self._own_loop = None
            self._tail.detach()
            _started.discard(self)
            if not self._goodbye.done():
                self._goodbye.set_result(False)

    async def _beat_until_stopped(self) -> None:
        async def say(up: Up) -> None:
            await pulse.line.say(up)

        stream = LogStream(self._tail, say)
        pulse = Pulse(
            self._transport,
            self._composer,
            orders=Orders({**self._on_orders, Order.LOGS: stream.order}, mask=self._mask),
            outage=self._outage,
            spread=random.random,
        )
        self._pulse = pulse
        self._farewell_asked = asyncio.Event()
        self._own_loop = asyncio.get_running_loop()
        if self._farewell is not None:
            self._farewell_asked.set()
        asked = asyncio.create_task(self._farewell_asked.wait(), name="heartbeat-farewell")
        running = {
            asyncio.create_task(pulse.run(), name="heartbeat"),
            asyncio.create_task(stream.run(), name="heartbeat-logs"),
            asyncio.create_task(
                watch_for_stalls(self._loop_watch, on_change=pulse.beat_now), name="heartbeat-loop-watch"
            ),
        }
        try:
            done, _ = await asyncio.wait({asked, *running}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # of the running ones, only a failure ends one
            assert self._farewell is not None  # noqa: S101  # set before the event
            is_heard = await pulse.end(self._farewell.reason, limit=self._farewell.timeout)
            self._goodbye.set_result(is_heard)
        finally:
            for task in (asked, *running):
                task.cancel()
            await asyncio.wait({asked, *running}, timeout=1)
            await self._transport.close()

    def _abandon(self) -> None:
        """In a forked child: neither beat nor say goodbye for the parent, and hold none of its connections."""
        self._lock = threading.RLock()
        self._farewell = _Farewell(reason="forked", timeout=0)
        self._goodbye = concurrent.futures.Future()
        self._goodbye.set_result(False)
        self._thread = self._own_loop = self._pulse = self._farewell_asked = None
        self._tail.detach()
        self._transport.abandon()


_started: weakref.WeakSet[Sender] = weakref.WeakSet()


def _abandon_all() -> None:
    for sender in list(_started):
        sender._abandon()
    _started.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
