"""How a language model is, as far as its last answers tell. Pure: moments are seconds of one clock.

What real requests and probes have met goes in as an `Outcome`, and `after` says what that makes of it. Nothing is for
ever: each state but the good ones has a moment at which the model is tried again.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace


class State(enum.Enum):
    """Of an endpoint."""

    UNKNOWN = "unknown"  # nobody has asked it yet, or not since it was broken
    HEALTHY = "healthy"
    WARMING = "warming"  # loads its model
    BUSY = "busy"
    RATE_LIMITED = "rate_limited"
    MISCONFIGURED = "misconfigured"  # a person has to mend it: key, address, model
    FAILING = "failing"


class Met(enum.Enum):
    """What a request or a probe has met."""

    BEGAN = enum.auto()  # a first word
    ANSWERED = enum.auto()  # a whole answer
    LISTED = enum.auto()  # it told its models, and nobody asked for a word
    LOADING = enum.auto()
    BUSY = enum.auto()
    RATE_LIMITED = enum.auto()
    MISCONFIGURED = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()  # whoever asked went away: says nothing about the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One request or probe."""

    met: Met
    reason: str = ""
    """In words, for people; empty when it went well."""

    retry_after: float | None = None
    """Seconds that the server wants to be left alone."""

    in_the_middle: bool = False
    """It failed after its first words: one word more would not show that it is well again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How soon a broken endpoint is tried again."""

    shortest: float
    """Seconds after the first failure; doubles with each further one."""

    longest: float


NEAR = Pace(shortest=1.0, longest=3.0)
"""On this machine: asking is free, and it may come up at any moment."""

FAR = Pace(shortest=2.0, longest=60.0)

LOADING_PAUSE = 2.0
"""Seconds between two questions to a model that loads."""

MISCONFIGURED = Pace(shortest=60.0, longest=600.0)
"""A person mends it, and that takes a while."""

LONGEST_RATE_LIMIT = 3_600.0
"""Seconds. A Retry-After beyond it is a mistake, or another one will be sent then."""

LEASE = 130.0
"""Seconds that one try of a broken endpoint keeps others away from it. Longer than most models take to load."""

_AVAILABLE = {State.UNKNOWN, State.HEALTHY}
_BROKEN = {
    Met.LOADING: State.WARMING,
    Met.BUSY: State.BUSY,
    Met.RATE_LIMITED: State.RATE_LIMITED,
    Met.MISCONFIGURED: State.MISCONFIGURED,
    Met.FAILED: State.FAILING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Of one endpoint, at one moment."""

    state: State = State.UNKNOWN
    reason: str = ""
    since: float
    """When it came into this state."""

    failures: int = 0
    """On end, of any kind, until an answer comes to its end."""

    retry_at: float = 0.0
    """When it may be tried again; of an endpoint that is available it says nothing."""

    leased_until: float = 0.0
    """Somebody tries it until then."""

    @property
    def is_available(self) -> bool:
        """Worth being asked before those that are not."""
        return self.state in _AVAILABLE

    @property
    def is_on_trial(self) -> bool:
        """Was broken, and has not answered since: one request at a time finds out."""
        return self.state is State.UNKNOWN and self.failures > 0

    def may_be_tried(self, *, now: float) -> bool:
        """Whether nothing forbids to ask it now."""
        if self.is_available and not self.is_on_trial:
            return True
        return now >= self.leased_until and (self.is_on_trial or now >= self.retry_at)


def leased(health: Health, *, now: float) -> Health:
    """The same, with its one place for a try taken; `after` gives it back."""
    return replace(health, leased_until=now + LEASE)


def after(
    health: Health, outcome: Outcome, *, now: float, pace: Pace, max_failures: int, jitter: float
) -> Health:
    """What an outcome makes of an endpoint.

    Args:
        health: Before.
        outcome: Of one request or probe.
        now: Seconds.
        pace: How soon it is tried again.
        max_failures: Failures on end that make it `failing`.
        jitter: 0 to 1, by chance: spreads those that ask.
    """
    if outcome.met is Met.CANCELLED:
        return replace(health, leased_until=0.0)
    if outcome.met is Met.ANSWERED:
        return _entered(health, State.HEALTHY, "", now=now, failures=0, retry_at=0.0)
    if outcome.met is Met.BEGAN:
        return _entered(health, State.HEALTHY, "", now=now, failures=health.failures, retry_at=0.0)
    if outcome.met is Met.LISTED:
        if health.failures == 0 or health.state is State.HEALTHY:
            return _entered(health, State.HEALTHY, "", now=now, failures=health.failures, retry_at=0.0)
        # It lives, which does not say that it answers: the next request finds out.
        return _entered(health, State.UNKNOWN, health.reason, now=now, failures=health.failures, retry_at=0.0)
    return _broken(health, outcome, now=now, pace=pace, max_failures=max_failures, jitter=jitter)


def _broken(
    health: Health, outcome: Outcome, *, now: float, pace: Pace, max_failures: int, jitter: float
) -> Health:
    # A broken one is asked under a lease only. Without it this attempt had begun before, and one of many that fail
    # together must not count as one more try.
    is_late = not health.is_available and health.leased_until <= now < health.retry_at
    failures = health.failures + (0 if is_late else 1)
    if outcome.met is Met.FAILED and failures < max_failures and health.is_available:
        return replace(health, failures=failures, reason=outcome.reason, leased_until=0.0)
    pause = _pause(outcome, failures=failures, pace=pace)
    retry_at = now + pause * (1 + 0.2 * jitter)
    if is_late and retry_at <= health.retry_at:
        return health
    return _entered(
        health, _BROKEN[outcome.met], outcome.reason, now=now, failures=failures, retry_at=retry_at
    )


def _pause(outcome: Outcome, *, failures: int, pace: Pace) -> float:
    if outcome.met is Met.LOADING:
        return LOADING_PAUSE
    if outcome.met is Met.MISCONFIGURED:
        pace = MISCONFIGURED
    elif outcome.in_the_middle:
        pace = FAR
    doubled = min(pace.longest, pace.shortest * 2.0 ** min(failures - 1, 20))
    if outcome.retry_after is not None and outcome.met in {Met.RATE_LIMITED, Met.BUSY}:
        return min(max(outcome.retry_after, pace.shortest), LONGEST_RATE_LIMIT)
    return doubled


def _entered(
    health: Health, state: State, reason: str, *, now: float, failures: int, retry_at: float
) -> Health:
    return Health(
        state=state,
        reason=reason,
        since=health.since if state is health.state else now,
        failures=failures,
        retry_at=retry_at,
    )
