"""Asks a worker whether the process of a session whose line broke is still there.

The worker sees the same processes by the same numbers (`wire.Beat.machine`), so its answer takes milliseconds and is
certain.
"""

from __future__ import annotations

import asyncio
import uuid

from registry.agents import Agent
from registry.fleet import Fleet
from registry.orders import Orders
from registry.room_beats import RoomBeats
from wire import Command, Order

GONE = "process_gone"

TIMEOUT = 1.0
"""Seconds for a worker to answer."""

_AGAIN_AFTER = (0.0, 0.15, 0.35, 0.7)
"""Seconds until each question: a process that is being killed may still be there at first."""


class Probing:
    """Probes for the fleet.

    Args:
        fleet: Hears what was found.
        orders: Carries the questions.
        beats: Knows the workers.
    """

    def __init__(self, fleet: Fleet, orders: Orders, beats: RoomBeats) -> None:
        self._fleet = fleet
        self._orders = orders
        self._beats = beats
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, session: Agent) -> None:
        """Find out about a session whose line broke."""
        task = asyncio.create_task(self._find_out(session, session.beat.incarnation), name="registry-probe")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """May be called twice."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _find_out(self, session: Agent, incarnation: str) -> None:
        for pause in _AGAIN_AFTER:
            await asyncio.sleep(pause)
            if not _is_in_doubt(session, incarnation):
                return
            worker = self._beats.worker_on(session.beat.machine)
            if worker is None or session.beat.process_id is None or session.beat.process_age is None:
                continue
            if await self._is_gone(worker, session) and _is_in_doubt(session, incarnation):
                cause = f"its process {session.beat.process_id} is gone, says {worker.agent_id}"
                self._fleet.tell_gone(session, cause=cause, by="registry")
                return

    async def _is_gone(self, worker: Agent, session: Agent) -> bool:
        beat = session.beat
        age = (beat.process_age or 0.0) + self._fleet.clock.monotonic() - session.facts.heard_at
        command = Command(
            id=uuid.uuid4().hex,
            order=Order.PROBE.value,
            args={"pid": float(beat.process_id or 0), "age": age},
        )
        outcome = await self._orders.ask(worker, command, timeout=TIMEOUT)
        return outcome is not None and outcome.ok and outcome.detail == GONE


def _is_in_doubt(session: Agent, incarnation: str) -> bool:
    facts = session.facts
    return facts.beat.incarnation == incarnation and facts.line_broken_at is not None and facts.gone is None
