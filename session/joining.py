"""Rooms whose job a worker has taken and whose agent is not there yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from wire import Joining

LIMIT = 15.0
"""Seconds after which an agent is in its room, or will not come. A cold process takes a few."""

MOST = 200
"""Rooms told at once; a beat takes no more."""

LOOK_INTERVAL = 0.5
"""Seconds between two looks whether the processes live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    id: str
    room: str
    taken_at: float
    is_launched: bool = False


class JoiningRooms:
    """Knows them from taking the job until its process has ended, or `LIMIT` has passed.

    The worker does not see its agents enter: whoever reads this sees that an agent is there and looks no further.

    Args:
        running: Ids of the jobs that have a process.
        on_change: Called on the event loop when a room has come or gone.
        clock: Seconds, monotonic; the same in every thread.
    """

    def __init__(
        self,
        *,
        running: Callable[[], Collection[str]],
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._running = running
        self._on_change = on_change
        self._clock = clock
        self._jobs: tuple[_Job, ...] = ()  # replaced and never changed: a beat's thread reads it
        self._taken = asyncio.Event()

    def take(self, job_id: str, room: str) -> None:
        """A job was taken."""
        self._jobs = (*self._jobs, _Job(id=job_id, room=room, taken_at=self._clock()))[-MOST:]
        self._taken.set()
        self._on_change()

    def launched(self, job_id: str) -> None:
        """The job has its process now, so when it has none any more, it has ended."""
        self._jobs = tuple(replace(job, is_launched=True) if job.id == job_id else job for job in self._jobs)

    def drop(self, job_id: str) -> None:
        """Nothing has come of it. May be called twice."""
        self._keep(tuple(job for job in self._jobs if job.id != job_id))

    def rooms(self) -> tuple[Joining, ...]:
        """For a beat, the eldest first. From any thread: it only reads."""
        now = self._clock()
        return tuple(
            Joining(room=job.room, age=max(0.0, now - job.taken_at))
            for job in self._jobs
            if now < job.taken_at + LIMIT
        )

    async def run(self) -> None:
        """Drop what is over, for ever."""
        while True:
            await self._taken.wait()
            self._taken.clear()
            while self._jobs:
                await asyncio.sleep(LOOK_INTERVAL)
                now, running = self._clock(), set(self._running())
                self._keep(
                    tuple(
                        job
                        for job in self._jobs
                        if now < job.taken_at + LIMIT and (not job.is_launched or job.id in running)
                    )
                )

    def _keep(self, jobs: tuple[_Job, ...]) -> None:
        if len(jobs) != len(self._jobs):
            self._jobs = jobs
            self._on_change()
