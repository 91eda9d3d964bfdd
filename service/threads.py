"""The memory of conversations: what was said in a thread, kept in the database, and done without when that is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from service.errors import BusyError
from service.grouping import Grouped
from service.store import Key, Limits, Message, Store, StoreError, Turn

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_R = TypeVar("_R")

STORE_TIMEOUT = 2.0
"""Seconds that a conversation waits for the database. A human waits too."""

OPEN_TIMEOUT = 6.0
"""Seconds until a database that is being prepared is taken to be away."""

RETRY_INTERVAL = 2.0
"""Seconds until a database that was away is tried again."""

TURN_TIMEOUT = 60.0
"""Seconds that a message waits for others in its thread. An answer rarely takes as long, and a client would leave."""

TIDY_INTERVAL = 60.0
"""Seconds between two looks for threads that nobody needs any more."""


class ForgetfulError(Exception):
    """The database did not do it. The message says which one, and what happened."""


@dataclass(slots=True)
class _Turns:
    """Who speaks in one thread, and who waits for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    n_users: int = 0


class Threads:
    """Threads by their key. While the database is away, nothing is remembered and nobody waits for it.

    Args:
        store: Blocks; is asked in threads, for many conversations at once.
        limits: How much is kept.
        clock: The date.
    """

    def __init__(self, store: Store, *, limits: Limits, clock: Callable[[], datetime]) -> None:
        self.limits = limits
        """May be changed; counts from the next answer on."""

        self.trouble: str | None = None
        """Why nothing is remembered now; None = all is."""

        self.n_threads: int | None = None
        """As counted last, at most a minute ago; None = never yet."""

        self._store = store
        self._clock = clock
        self._reading: Grouped[Key, Sequence[Message]] = Grouped(self._read, name="threads-read")
        self._writing: Grouped[Turn, None] = Grouped(self._write, name="threads-write")
        self._turns: dict[Key, _Turns] = {}
        self._in_trouble = asyncio.Event()

    @property
    def place(self) -> str:
        """Which database, for people."""
        return self._store.place

    @asynccontextmanager
    async def alone(self, key: Key) -> AsyncIterator[None]:
        """Be the only one who speaks in this thread; others wait for their turn.

        Raises:
            BusyError: It did not come in time.
        """
        turns = self._turns.setdefault(key, _Turns())
        turns.n_users += 1
        try:
            await _take(turns.lock)
            try:
                yield
            finally:
                turns.lock.release()
        finally:
            turns.n_users -= 1
            if not turns.n_users:
                del self._turns[key]

    async def recall(self, key: Key) -> Sequence[Message]:
        """What was said, the oldest first; empty for a new thread.

        Raises:
            ForgetfulError: The database is away.
        """
        return await self._bounded(self._reading, key)

    async def remember(self, key: Key, question: str, answer: str) -> None:
        """Keep both, or neither.

        Raises:
            ForgetfulError: The database is away.
        """
        await self._bounded(self._writing, Turn(key, question, answer))

    async def open(self) -> None:
        """Prepare the database, and see what is in it. May be called again."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                self.n_threads = await asyncio.to_thread(self._open)
        except (StoreError, TimeoutError) as error:
            self._fail(error, limit=OPEN_TIMEOUT)
            return
        if self.trouble is not None:
            logger.warning("the database is back", extra={"action": "threads.back"})
        self.trouble = None
        self._in_trouble.clear()

    async def run(self) -> None:
        """Tidy up now and then, and look for a database that went away, until cancelled."""
        while True:
            if self.trouble is None:
                try:
                    async with asyncio.timeout(TIDY_INTERVAL):
                        await self._in_trouble.wait()
                except TimeoutError:
                    pass
            if self.trouble is not None:
                await asyncio.sleep(RETRY_INTERVAL)
            await self.open()

    async def aclose(self) -> None:
        """Write what was begun, for as long as an answer would wait for it. The store stays open."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                await self._reading.aclose()
                await self._writing.aclose()
        except TimeoutError:
            logger.warning("the database takes too long to be waited for", extra={"action": "threads.late"})

    async def _bounded(self, group: Grouped[_T, _R], item: _T) -> _R:
        if self.trouble is not None:
            raise ForgetfulError(self.trouble)
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return await group.do(item)
        except (StoreError, TimeoutError) as error:
            raise ForgetfulError(self._fail(error, limit=STORE_TIMEOUT)) from error

    def _fail(self, error: StoreError | TimeoutError, *, limit: float) -> str:
        words = str(error) if isinstance(error, StoreError) else f"{self.place}: no answer in {limit:g} s"
        if self.trouble is None:
            logger.error(
                "the database is away, conversations are not remembered",
                extra={"action": "threads.forgetful", "reason": words},
            )
        self.trouble = words
        self._in_trouble.set()
        return words

    # In threads.

    def _open(self) -> int:
        self._store.open()
        return self._store.tidy(limits=self.limits, now=self._clock())

    def _read(self, keys: Sequence[Key]) -> Sequence[Sequence[Message]]:
        limits = self.limits
        found = self._store.read(keys, since=self._clock() - limits.ttl, most=limits.messages)
        return [found.get(key, ()) for key in keys]

    def _write(self, turns: Sequence[Turn]) -> Sequence[None]:
        self._store.append(turns, limits=self.limits, now=self._clock())
        return [None] * len(turns)


async def _take(lock: asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(TURN_TIMEOUT):
            await lock.acquire()
    except TimeoutError as error:
        raise BusyError(
            f"other messages of this thread are still being answered after {TURN_TIMEOUT:g} s; ask again in a moment",
            retry_after=5,
        ) from error
