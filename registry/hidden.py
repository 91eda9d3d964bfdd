"""Agents that have left the page and are still in the database."""

from __future__ import annotations

import math

from registry.agents import Agent
from registry.clock import Clock
from registry.records import AgentRow
from registry.status import Facts, Verdict


def hidden_agent(row: AgentRow, clock: Clock) -> Agent:
    """The agent as it was when it left. It belongs to no fleet: nothing that is done to it has any effect."""
    return Agent(
        facts=Facts(
            beat=row.beat,
            heard_at=clock.moment_of(row.heard_at),
            is_restored=True,
            error_at=None if row.error_at is None else clock.moment_of(row.error_at),
            forced=row.forced,
        ),
        verdict=Verdict(
            status=row.status,
            health=row.health,
            reasons=row.reasons,
            cause=row.cause,
            due_at=math.inf,
        ),
        first_seen_at=row.first_seen_at,
        status_since=row.status_since,
        updated_at=row.updated_at,
        restored_at=row.heard_at,
    )
