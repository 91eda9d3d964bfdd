"""What a beat changes in what is known of its agent. Pure."""

from __future__ import annotations

from registry.records import Forced
from registry.status import Facts, Limits, lag_class
from wire import Beat, same_facts


def first_facts(beat: Beat, *, now: float, forced: Forced | None = None) -> Facts:
    """The facts of a process that is heard for the first time.

    Args:
        forced: Of the agent, whose process may be a new one.
    """
    error_at = now - (beat.error_age or 0.0) if beat.last_error is not None else None
    return Facts(beat=beat, heard_at=now, error_at=error_at, forced=forced)


def says_nothing_new(facts: Facts, beat: Beat, *, now: float, limits: Limits) -> bool:
    """Whether a beat only renews what is known, so that nobody has to hear of it."""
    old = facts.beat
    return (
        same_facts(old, beat)
        and lag_class(old.loop_lag, limits) == lag_class(beat.loop_lag, limits)
        and not _is_new_error(facts, beat, now)
    )


def renew(facts: Facts, beat: Beat, *, now: float, in_doubt: bool, limits: Limits) -> None:
    """Take a beat of the same process into the facts.

    Args:
        in_doubt: It was suspect or offline until now.
    """
    facts.error_at = _error_at(facts, beat, now)
    facts.is_doubted = in_doubt and not facts.is_restored
    facts.beat = beat
    facts.heard_at = now
    facts.is_restored = False
    facts.line_broken_at = None
    facts.line_end = ""
    facts.gone = None
    if beat.idle is None or beat.idle < limits.ttl:  # who tells of no activity shows it by beating
        facts.inactive = None


def _is_new_error(facts: Facts, beat: Beat, now: float) -> bool:
    """Whether the beat tells of an error after the last one; the same text may happen twice."""
    if beat.error_age is None:
        return False
    return facts.error_at is None or now - beat.error_age > facts.error_at + 1.0


def _error_at(facts: Facts, beat: Beat, now: float) -> float | None:
    """When the last error was, after this beat."""
    if beat.last_error is None:
        return None
    if _is_new_error(facts, beat, now):
        return now - (beat.error_age or 0.0)
    if beat.last_error != facts.beat.last_error or facts.error_at is None:
        return now - (beat.error_age or 0.0)
    return facts.error_at
