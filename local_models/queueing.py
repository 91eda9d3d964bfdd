"""One queue for each model: first come, first served, and who leaves frees the place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class ModelQueue:
    """Runs blocking work of one model in its own thread, in the order it came.

    One thread for each model: on few cores two inferences at once take longer than one after the other,
    and none of the models promises to be thread-safe.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.n_running = 0
        self.n_queued = 0
        self._futures: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=name)

    @property
    def is_idle(self) -> bool:
        return self.n_running == 0 and self.n_queued == 0

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, after all work that came before.

        Cancelled while it waits, it leaves the queue and is never run. Cancelled while it runs, the
        caller is free at once and the model when `work` ends: give long work a way to stop early.
        """
        with self._lock:
            self.n_queued += 1
        future = self._threads.submit(self._run, work)
        self._futures.add(future)
        future.add_done_callback(self._forget)
        return await asyncio.wrap_future(future)

    async def aclose(self, *, timeout: float) -> bool:
        """Cancel what waits, and give what runs `timeout` seconds. True when nothing runs any more.

        May be called twice.
        """
        self._threads.shutdown(wait=False, cancel_futures=True)
        running = [asyncio.wrap_future(future) for future in list(self._futures)]
        if not running:
            return True
        _, pending = await asyncio.wait(running, timeout=timeout)
        return not pending

    def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            self.n_queued -= 1
            self.n_running += 1
        try:
            return work()
        finally:
            with self._lock:
                self.n_running -= 1

    def _forget(self, future: Future[T]) -> None:
        self._futures.discard(future)
        if future.cancelled():
            with self._lock:
                self.n_queued -= 1
