"""The registry's one timer: tells when an agent's verdict may change although nothing happens.

A heap that is put right lazily: a beat moves nothing in it. When an entry comes up, the agent is asked for the
moment that counts now, and goes back into the heap if that is later.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

QUANTUM = 0.01
"""Seconds between two looks at most. Waiting for each deadline exactly burns a core: timers come a little early."""

AWAY = 2.0
"""Seconds that the timer may come late before the registry must have been stopped or suspended in between."""

PORTION = 200
"""Agents that are judged in one go."""


class Reaper:
    """Calls `due` for each id whose moment has come.

    Args:
        due: Called with an id and now. It schedules the id again, or does not.
        was_away: Called with the seconds that this process stood still, before anything is called due.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        due: Callable[[str, float], None],
        was_away: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._due = due
        self._was_away = was_away
        self._clock = clock
        self._heap: list[tuple[float, str]] = []
        self._sooner = asyncio.Event()
        self._wakes_at = float("inf")

    def schedule(self, agent_id: str, at: float) -> None:
        """Call `agent_id` due at `at`. Earlier entries of it stay, and are told as well."""
        heapq.heappush(self._heap, (at, agent_id))
        if at < self._wakes_at - QUANTUM:
            self._sooner.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            now = self._clock()
            self._wakes_at = max(self._heap[0][0], now + QUANTUM) if self._heap else now + 60.0
            self._sooner.clear()
            try:
                async with asyncio.timeout(self._wakes_at - now):
                    await self._sooner.wait()
            except TimeoutError:
                late = self._clock() - self._wakes_at
                if late > AWAY:
                    self._was_away(late)
            while self.reap():  # noqa: ASYNC110  # there is no event to wait for, only others to let through
                await asyncio.sleep(0)  # beats are answered between two portions

    def reap(self) -> bool:
        """Call due what is, a portion of it at most. One that fails is logged, and does not stop the others.

        Returns:
            Whether there is more.
        """
        now = self._clock()
        for _ in range(PORTION):
            if not self._heap or self._heap[0][0] > now:
                return False
            _, agent_id = heapq.heappop(self._heap)
            try:
                self._due(agent_id, now)
            except Exception:
                logger.exception("an agent could not be judged", extra={"action": "reaper.failed"})
        return True
