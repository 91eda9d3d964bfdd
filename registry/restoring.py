"""An agent as the database knows it, after the registry has started anew."""

from __future__ import annotations

from registry.agents import Agent
from registry.clock import Clock
from registry.records import AgentRow, Status
from registry.status import Facts, Limits, judge


def restored(row: AgentRow, *, clock: Clock, limits: Limits) -> Agent | None:
    """The agent of a row; None = it has been over for so long that it is history.

    Nobody knows how it is until it beats. Only what was final before is still so.
    """
    over_for = (clock.utc() - row.status_since).total_seconds()
    if row.status.is_over and row.forced is None and over_for >= limits.visible:
        return None
    now = clock.monotonic()
    facts = Facts(
        beat=row.beat,
        heard_at=now,
        is_restored=True,
        forced=row.forced,
        gone=row.cause or "it was offline before the registry started"
        if row.status is Status.OFFLINE
        else None,
        error_at=None if row.error_at is None else clock.moment_of(row.error_at),
    )
    verdict = judge(facts, now=now, limits=limits)
    return Agent(
        facts=facts,
        verdict=verdict,
        first_seen_at=row.first_seen_at,
        status_since=row.status_since,
        updated_at=row.updated_at,
        restored_at=row.heard_at,
        over_at=clock.moment_of(row.status_since) if verdict.status.is_over else None,
    )
