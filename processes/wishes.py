"""What operators want of processes. It outlives the registry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from processes.errors import WishError

logger = logging.getLogger(__name__)

_TIMEOUT = 2.0
"""Seconds that an operator waits for a wish to be written down. What is asked for is done before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An operator has pressed start or stop. Without a wish the definition's `autostart` counts."""

    process_id: str
    is_wanted: bool
    by: str
    reason: str
    at: datetime


class Wishes(Protocol):
    """Where wishes are kept. Both calls block, and are made in a thread."""

    def load(self) -> Sequence[Wish]:
        """All of them, one for each process at most."""

    def save(self, wish: Wish) -> None:
        """Replace the process's wish. Raises `WishError` when that is not possible now."""


class WishBook:
    """The wishes of this life of the registry, those too that cannot be written down yet.

    Args:
        utc: The date.
        changed: Called when `trouble` has changed.
    """

    def __init__(self, wishes: Wishes, *, utc: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self.trouble: str | None = None
        """Why the last wishes are not written down; None = they are."""

        self._wishes = wishes
        self._utc = utc
        self._changed = changed
        self._all: dict[str, Wish] = {}
        self._unsaved: dict[str, Wish] = {}
        self._saving: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Raises what `Wishes.load` raises."""
        self._all = {wish.process_id: wish for wish in await asyncio.to_thread(self._wishes.load)}

    def find(self, process_id: str) -> Wish | None:
        return self._all.get(process_id)

    def note(self, process_id: str, *, by: str, reason: str, is_wanted: bool) -> None:
        """An operator has said so."""
        wish = Wish(process_id=process_id, is_wanted=is_wanted, by=by, reason=reason, at=self._utc())
        self._all[process_id] = self._unsaved[process_id] = wish
        logger.info(
            "an operator has said what is wanted of a process",
            extra={"action": "process.wished", "process_id": process_id, "is_wanted": is_wanted},
        )

    async def keep(self) -> None:
        """Write down what is not, and wait for that, but not for long. To be called again where it failed."""
        if not self._unsaved:
            return
        # One at a time, and never given up: a slow one that ends late would put an older wish over a newer one.
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save(), name="processes-wishes")
        await asyncio.wait([self._saving], timeout=_TIMEOUT)
        if self._saving.done():
            self._saving.result()

    async def aclose(self) -> None:
        """Try once more, and give up. May be called twice."""
        await self.keep()
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.wait([self._saving])

    async def _save(self) -> None:
        trouble = None
        while self._unsaved and trouble is None:
            process_id, wish = next(iter(self._unsaved.items()))
            try:
                await asyncio.to_thread(self._wishes.save, wish)
            except WishError as error:
                trouble = f"what operators want is not kept over a restart: {error}"
                continue
            if self._unsaved.get(process_id) is wish:
                del self._unsaved[process_id]
        if trouble != self.trouble:
            if trouble is not None:
                logger.warning("a wish is not kept", extra={"action": "process.wish_lost"})
            self.trouble = trouble
            self._changed()
