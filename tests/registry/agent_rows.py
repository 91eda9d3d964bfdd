"""What the database knows of agents, as tests begin with it."""

from __future__ import annotations

from datetime import datetime

from registry.records import AgentRow, Status
from wire import Beat


def agent_row(
    beat: Beat, *, at: datetime, status: Status = Status.RUNNING, cause: str | None = None
) -> AgentRow:
    """A row that was heard of once, at `at`, and nothing is wrong with."""
    return AgentRow(
        beat=beat,
        status=status,
        health=100,
        reasons=(),
        cause=cause,
        forced=None,
        heard_at=at,
        first_seen_at=at,
        status_since=at,
        error_at=None,
        active_at=None,
        updated_at=at,
    )
