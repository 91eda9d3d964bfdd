"""An agent, as the registry holds it in memory while it runs."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from registry.clock import Clock
from registry.records import AgentRow
from registry.status import Facts, Verdict
from wire import Beat, Command, Down

N_PAST = 16
"""Incarnations that had an id before, and never get it back."""


class Line(Protocol):
    """An open connection to one agent."""

    def send(self, message: Down) -> None:
        """Send as soon as possible, without waiting. A connection that does not take it is closed."""


@dataclass(slots=True, kw_only=True, eq=False)
class Agent:
    """Facts, the judgement of them, and what hangs on it."""

    facts: Facts
    verdict: Verdict
    first_seen_at: datetime
    status_since: datetime
    updated_at: datetime
    over_at: float | None = None
    """When it was over, on the registry's clock; None = it is not."""

    restored_at: datetime | None = None
    """Date of the last beat before the registry started, of an agent that has not been heard since."""

    is_calm: bool = False
    """The next beat with the same facts changes nothing that anybody must hear of."""

    unsaved: asyncio.Future[None] | None = None
    """What it said last that was new, until that is durable: no beat is acknowledged before."""

    scheduled_at: float = math.inf
    """Its earliest entry in the reaper's heap; infinite = none."""

    line: Line | None = None
    past: deque[str] = field(default_factory=lambda: deque(maxlen=N_PAST))
    """Incarnations that came before."""

    orders: deque[tuple[float, Command]] = field(default_factory=lambda: deque(maxlen=8))
    """Orders for the next reply, for an agent that has no line, each with the moment at which it expires."""

    @property
    def beat(self) -> Beat:
        return self.facts.beat

    @property
    def agent_id(self) -> str:
        return self.facts.beat.agent_id

    def heard_at(self, clock: Clock) -> datetime:
        """The date of its last beat."""
        if self.facts.is_restored and self.restored_at is not None:
            return self.restored_at
        return clock.date_of(self.facts.heard_at)

    def error_at(self, clock: Clock) -> datetime | None:
        return None if self.facts.error_at is None else clock.date_of(self.facts.error_at)

    def active_at(self, clock: Clock) -> datetime | None:
        """When it last did something; None = it does not say."""
        idle = self.facts.beat.idle
        return None if idle is None else self.heard_at(clock) - timedelta(seconds=idle)

    def started_at(self, clock: Clock) -> datetime | None:
        """When its process started, to the second; None = it does not say."""
        age = self.facts.beat.process_age
        return None if age is None else self.heard_at(clock) - timedelta(seconds=age)

    def row(self, clock: Clock) -> AgentRow:
        """As the database keeps it."""
        verdict = self.verdict
        return AgentRow(
            beat=self.facts.beat,
            status=verdict.status,
            health=verdict.health,
            reasons=verdict.reasons,
            cause=verdict.cause,
            forced=self.facts.forced,
            heard_at=self.heard_at(clock),
            first_seen_at=self.first_seen_at,
            status_since=self.status_since,
            error_at=self.error_at(clock),
            active_at=self.active_at(clock),
            updated_at=self.updated_at,
        )
