"""What outcomes make of an endpoint: every transition, every pause."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from llm.health import (
    FAR,
    LEASE,
    LOADING_PAUSE,
    LONGEST_RATE_LIMIT,
    MISCONFIGURED,
    NEAR,
    Health,
    Met,
    Outcome,
    Pace,
    State,
    after,
    leased,
)

BROKEN = [State.WARMING, State.BUSY, State.RATE_LIMITED, State.MISCONFIGURED, State.FAILING]
TROUBLES = [Met.LOADING, Met.BUSY, Met.RATE_LIMITED, Met.MISCONFIGURED, Met.FAILED]


def met(
    health: Health,
    what: Met,
    *,
    now: float = 100.0,
    retry_after: float | None = None,
    pace: Pace = FAR,
    max_failures: int = 1,
    jitter: float = 0.0,
) -> Health:
    outcome = Outcome(
        met=what,
        reason="" if what in {Met.BEGAN, Met.ANSWERED, Met.LISTED} else "why",
        retry_after=retry_after,
    )
    return after(health, outcome, now=now, pace=pace, max_failures=max_failures, jitter=jitter)


def an_endpoint(state: State, *, failures: int | None = None, now: float = 100.0) -> Health:
    """In this state for 10 seconds, and under a lease if it is broken, as everything is that is asked."""
    health = Health(
        state=state,
        since=now - 10,
        failures=int(state in BROKEN) if failures is None else failures,
        retry_at=now if state in BROKEN else 0.0,
    )
    return leased(health, now=now) if state in BROKEN else health


TRANSITIONS = {
    # began, answered, listed, loading, busy, rate limited, misconfigured, failed, cancelled
    "unknown": "healthy healthy healthy warming busy rate_limited misconfigured failing unknown",
    "healthy": "healthy healthy healthy warming busy rate_limited misconfigured failing healthy",
    "warming": "healthy healthy unknown warming busy rate_limited misconfigured failing warming",
    "busy": "healthy healthy unknown warming busy rate_limited misconfigured failing busy",
    "rate_limited": "healthy healthy unknown warming busy rate_limited misconfigured failing rate_limited",
    "misconfigured": "healthy healthy unknown warming busy rate_limited misconfigured failing misconfigured",
    "failing": "healthy healthy unknown warming busy rate_limited misconfigured failing failing",
}


@pytest.mark.parametrize(
    ("state", "what", "becomes"),
    [
        pytest.param(State(state), what, State(becomes), id=f"{state}-{what.name.lower()}")
        for state, row in TRANSITIONS.items()
        for what, becomes in zip(Met, row.split(), strict=True)
    ],
)
def test_each_outcome_in_each_state(state: State, what: Met, becomes: State) -> None:
    before = an_endpoint(state)
    now = met(before, what)
    assert now.state is becomes
    assert now.since == (before.since if becomes is state else 100.0)
    assert now.leased_until == 0, "whoever asked gives the place back"


def test_one_that_was_broken_and_lists_its_models_is_on_trial_until_it_answers() -> None:
    health = met(an_endpoint(State.FAILING), Met.LISTED)
    assert (health.is_available, health.is_on_trial, health.may_be_tried(now=100)) == (True, True, True)
    assert met(health, Met.LISTED).is_on_trial, "a list is no answer"
    answered = met(health, Met.ANSWERED)
    assert (answered.is_on_trial, answered.failures, answered.reason) == (False, 0, "")


def test_one_on_trial_that_fails_is_broken_again_and_for_longer() -> None:
    health = met(met(an_endpoint(State.FAILING), Met.LISTED), Met.FAILED)
    assert (health.state, health.failures, health.retry_at) == (State.FAILING, 2, 100 + 2 * FAR.shortest)


@pytest.mark.parametrize("state", list(State))
def test_who_goes_away_leaves_everything_as_it_was(state: State) -> None:
    before = an_endpoint(state)
    assert met(before, Met.CANCELLED) == replace(before, leased_until=0)


# -- nothing is for ever


@pytest.mark.parametrize("pace", [NEAR, FAR], ids=["near", "far"])
@pytest.mark.parametrize("what", TROUBLES)
@pytest.mark.parametrize("state", list(State))
def test_each_state_ends_when_it_answers_at_last(state: State, what: Met, pace: Pace) -> None:
    health, now = an_endpoint(state), 100.0
    for _ in range(50):
        health = met(health, what, now=now, pace=pace, jitter=1)
        assert not health.may_be_tried(now=now)
        assert now < health.retry_at <= now + 1.2 * max(pace.longest, MISCONFIGURED.longest)
        now = health.retry_at
        assert health.may_be_tried(now=now)
        health = leased(health, now=now)
    health = met(health, Met.ANSWERED, now=now, pace=pace)
    assert (health.state, health.failures) == (State.HEALTHY, 0)
    assert health.may_be_tried(now=now)


@pytest.mark.parametrize(("max_failures", "length"), [(1, 4), (2, 3)])
def test_whatever_comes_in_whatever_order_keeps_the_rules(max_failures: int, length: int) -> None:
    for sequence in itertools.product(Met, repeat=length):
        health, now = Health(since=0.0), 0.0
        for number, what in enumerate(sequence):
            before = health
            if not health.is_available and number % 2:
                now = max(now, health.retry_at)
                health = leased(health, now=now)
            health = met(health, what, now=now, max_failures=max_failures)
            check(before, what, health, now=now)
            late = met(before, what, now=now, max_failures=max_failures, jitter=1)
            assert late.retry_at >= health.retry_at, "chance only lengthens"
            now += 0.5


def check(before: Health, what: Met, health: Health, *, now: float) -> None:
    assert health.leased_until == 0
    assert before.since <= health.since <= now
    assert health.failures <= before.failures + 1
    assert (health.state in BROKEN) is not health.is_available
    if health.state is State.HEALTHY:
        assert health.may_be_tried(now=now)
    if not health.is_available:
        assert health.failures > 0
        assert health.reason == "why"
        assert health.retry_at <= now + 1.2 * LONGEST_RATE_LIMIT
        assert health.may_be_tried(now=max(now, health.retry_at))
    if what is Met.CANCELLED:
        assert health == replace(before, leased_until=0)
    answered = met(health, Met.ANSWERED, now=max(now, health.retry_at))
    assert (answered.state, answered.failures) == (State.HEALTHY, 0)


# -- how soon it is tried again


@pytest.mark.parametrize(
    ("what", "pace", "pauses"),
    [
        pytest.param(Met.FAILED, FAR, [2, 4, 8, 16, 32, 60, 60], id="far"),
        pytest.param(Met.FAILED, NEAR, [1, 2, 3, 3], id="near"),
        pytest.param(Met.BUSY, FAR, [2, 4, 8, 16, 32, 60, 60], id="busy"),
        pytest.param(Met.RATE_LIMITED, FAR, [2, 4, 8, 16, 32, 60, 60], id="rate limited"),
        pytest.param(Met.MISCONFIGURED, FAR, [60, 120, 240, 480, 600, 600], id="misconfigured"),
        pytest.param(Met.MISCONFIGURED, NEAR, [60, 120, 240, 480, 600, 600], id="misconfigured near"),
        pytest.param(Met.LOADING, NEAR, [LOADING_PAUSE] * 4, id="loading"),
        pytest.param(Met.LOADING, FAR, [LOADING_PAUSE] * 4, id="loading far"),
    ],
)
def test_it_is_left_alone_longer_each_time_up_to_a_limit(what: Met, pace: Pace, pauses: list[float]) -> None:
    health, now, seen = Health(since=0.0), 0.0, []
    for _ in pauses:
        health = met(leased(health, now=now), what, now=now, pace=pace)
        seen.append(health.retry_at - now)
        now = health.retry_at
    assert seen == pauses


def test_a_thousand_failures_are_no_overflow() -> None:
    health = met(Health(since=0.0, state=State.FAILING, failures=10_000), Met.FAILED)
    assert health.retry_at == 100 + FAR.longest


@pytest.mark.parametrize("what", TROUBLES)
def test_chance_only_lengthens_and_by_a_fifth_at_most(what: Met) -> None:
    pauses = [met(an_endpoint(State.HEALTHY), what, jitter=jitter).retry_at - 100 for jitter in (0, 0.5, 1)]
    assert pauses == sorted(pauses)
    assert pauses[2] == pytest.approx(1.2 * pauses[0])


@pytest.mark.parametrize(
    ("told", "pause"),
    [(0.0, 2.0), (1.0, 2.0), (2.0, 2.0), (7.0, 7.0), (600.0, 600.0), (3600.0, 3600.0), (1e9, 3600.0)],
)
@pytest.mark.parametrize("what", [Met.RATE_LIMITED, Met.BUSY])
def test_a_retry_after_is_honoured_within_reason(what: Met, told: float, pause: float) -> None:
    health = met(an_endpoint(State.HEALTHY), what, retry_after=told)
    assert health.retry_at == 100 + pause
    assert not health.may_be_tried(now=health.retry_at - 0.001)
    assert health.may_be_tried(now=health.retry_at)


def test_a_retry_after_does_not_grow_with_failures() -> None:
    health = an_endpoint(State.RATE_LIMITED, failures=9)
    assert met(health, Met.RATE_LIMITED, retry_after=5).retry_at == 105


@pytest.mark.parametrize("what", [Met.FAILED, Met.LOADING, Met.MISCONFIGURED])
def test_a_retry_after_of_anything_else_says_nothing(what: Met) -> None:
    assert met(an_endpoint(State.HEALTHY), what, retry_after=3000) == met(an_endpoint(State.HEALTHY), what)


@pytest.mark.parametrize("pace", [NEAR, FAR], ids=["near", "far"])
def test_what_a_person_has_to_mend_is_left_alone_for_a_minute(pace: Pace) -> None:
    health = met(Health(since=0.0), Met.MISCONFIGURED, pace=pace)
    assert not health.may_be_tried(now=159.999)
    assert health.may_be_tried(now=160)


# -- several failures until it counts


def test_failures_count_until_they_are_too_many() -> None:
    health = Health(state=State.HEALTHY, since=0.0)
    for failures in (1, 2):
        health = met(health, Met.FAILED, max_failures=3)
        assert (health.state, health.failures, health.reason) == (State.HEALTHY, failures, "why")
        assert health.may_be_tried(now=100)
    assert met(health, Met.FAILED, max_failures=3).state is State.FAILING


def test_an_answer_in_between_starts_the_count_anew() -> None:
    health = met(Health(state=State.HEALTHY, since=0.0), Met.FAILED, max_failures=2)
    assert met(health, Met.LISTED, max_failures=2).failures == 1, "a list is no answer"
    health = met(met(health, Met.ANSWERED, max_failures=2), Met.FAILED, max_failures=2)
    assert (health.state, health.failures) == (State.HEALTHY, 1)


def test_only_a_whole_answer_starts_the_count_anew() -> None:
    health = met(an_endpoint(State.FAILING, failures=4), Met.BEGAN)
    assert (health.state, health.failures, health.is_on_trial) == (State.HEALTHY, 4, False)
    assert met(health, Met.FAILED).retry_at == 100 + 32
    assert met(health, Met.ANSWERED).failures == 0


def test_one_that_breaks_in_the_middle_is_left_alone_for_longer_than_its_first_words_say() -> None:
    health, now = Health(since=0.0), 0.0
    for pause in (2, 4, 8, 16, 32, 60, 60):
        health = met(health, Met.BEGAN, now=now, pace=NEAR)
        broke = Outcome(met=Met.FAILED, reason="why", in_the_middle=True)
        health = after(health, broke, now=now, pace=NEAR, max_failures=1, jitter=0)
        assert health.retry_at == now + pause
        now = health.retry_at
        health = leased(health, now=now)


@pytest.mark.parametrize("what", [Met.LOADING, Met.BUSY, Met.RATE_LIMITED, Met.MISCONFIGURED])
def test_what_is_no_accident_counts_at_once(what: Met) -> None:
    assert not met(Health(state=State.HEALTHY, since=0.0), what, max_failures=9).is_available


# -- failures together


def test_many_that_fail_together_are_one_failure() -> None:
    health = Health(state=State.HEALTHY, since=0.0)
    for _ in range(200):
        health = met(health, Met.FAILED)
    assert (health.failures, health.retry_at) == (1, 100 + FAR.shortest)


def test_one_that_fails_late_does_not_bring_the_next_try_nearer() -> None:
    limited = met(an_endpoint(State.HEALTHY), Met.RATE_LIMITED, retry_after=600)
    assert met(limited, Met.FAILED, now=101) == limited


def test_one_that_is_told_late_to_wait_longer_waits_longer() -> None:
    health = met(met(an_endpoint(State.HEALTHY), Met.FAILED), Met.RATE_LIMITED, now=101, retry_after=600)
    assert (health.state, health.failures, health.retry_at) == (State.RATE_LIMITED, 1, 701)


# -- one at a time


@pytest.mark.parametrize("state", BROKEN)
def test_a_broken_one_is_tried_by_one_at_a_time(state: State) -> None:
    health = replace(an_endpoint(state), leased_until=0.0)
    assert health.may_be_tried(now=100)
    health = leased(health, now=100)
    assert not health.may_be_tried(now=100)
    assert not health.may_be_tried(now=100 + LEASE - 0.001)
    assert health.may_be_tried(now=100 + LEASE), "who took it may be gone"


def test_one_on_trial_is_tried_by_one_at_a_time() -> None:
    health = leased(met(an_endpoint(State.FAILING), Met.LISTED), now=100)
    assert not health.may_be_tried(now=100)
    assert met(health, Met.CANCELLED).may_be_tried(now=100), "who went away gives the place back"
    assert health.may_be_tried(now=100 + LEASE)


@pytest.mark.parametrize("state", [State.UNKNOWN, State.HEALTHY])
def test_one_that_is_not_broken_is_asked_by_all(state: State) -> None:
    assert leased(an_endpoint(state), now=100).may_be_tried(now=100)


def test_before_its_time_a_broken_one_is_tried_by_nobody() -> None:
    health = met(Health(since=0.0), Met.FAILED)
    assert not health.may_be_tried(now=101.999)
    assert health.may_be_tried(now=102)
