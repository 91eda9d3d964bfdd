"""One keeper for a fleet: of several registries on one database, the one that holds the lock keeps the rooms."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Protocol

from rooms.errors import LockError

logger = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two tries, and between two looks at a lock that is held. A dead leader is followed in five."""

TIMEOUT = 2.0
"""Seconds for the database to answer. A leader that cannot be sure stops leading."""


_FRESH = 0.25
"""Seconds that an answer is believed by those who act."""


class Lock(Protocol):
    """A lock that its holder loses by dying. Calls block, and are made in a thread; they raise `LockError`."""

    def try_acquire(self) -> bool:
        """Take it, if nobody else has it. May be called while it is held."""

    def is_held(self) -> bool:
        """Whether it is still held, by asking whoever keeps it."""

    def release(self) -> None:
        """Give it back. May be called twice."""


class Leadership:
    """Holds the lock for as long as it can.

    Args:
        lock: The fleet's.
        changed: Called when this registry begins or ceases to lead.
    """

    def __init__(self, lock: Lock, *, changed: Callable[[], None] = lambda: None) -> None:
        self._lock = lock
        self.changed = changed
        self._is_leading = False
        self._is_taken = False
        self._sure_at = -math.inf
        self._confirming = asyncio.Lock()

    @property
    def is_leading(self) -> bool:
        return self._is_leading

    @property
    def is_led(self) -> bool:
        """This registry leads, or another one does: somebody held the lock when it was asked for last."""
        return self._is_leading or self._is_taken

    async def run(self) -> None:
        """Try to lead, and see whether it still does, for ever."""
        while True:
            try:
                await self._look()
            except Exception:
                logger.exception("the lock of the room keeper broke", extra={"action": "rooms.lock_broke"})
                self._set(False)
            await asyncio.sleep(INTERVAL)

    async def confirm(self) -> bool:
        """Whether this registry leads at this moment: asked right before an act. Many share one answer."""
        async with self._confirming:
            if self._is_leading and asyncio.get_running_loop().time() >= self._sure_at + _FRESH:
                await self._look()
        return self._is_leading

    async def _look(self) -> None:
        was_leading = self._is_leading
        answer = await self._ask(self._lock.is_held if was_leading else self._lock.try_acquire)
        self._sure_at = asyncio.get_running_loop().time()
        self._is_taken = answer is False and not was_leading
        self._set(answer is True)

    async def aclose(self) -> None:
        """Let another one lead. May be called twice."""
        self._is_leading = False
        await self._ask(self._release)

    def _release(self) -> bool:
        self._lock.release()
        return False

    async def _ask(self, question: Callable[[], bool]) -> bool | None:
        """The answer; None = there is none."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await asyncio.to_thread(question)
        except (LockError, TimeoutError) as error:
            # Who is not sure does not lead.
            logger.warning(
                "nobody knows who keeps the rooms",
                extra={"action": "rooms.lock_failed", "error": str(error) or f"no answer in {TIMEOUT:g} s"},
            )
            return None

    def _set(self, is_leading: bool) -> None:
        if is_leading is self._is_leading:
            return
        self._is_leading = is_leading
        logger.info(
            "this registry keeps the rooms" if is_leading else "another registry keeps the rooms",
            extra={"action": "rooms.leading", "leading": is_leading},
        )
        self.changed()
