"""How an agent is: each rule, and each deadline just before, at, and after it."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.records import Forced, Status
from registry.status import LOOK_AGAIN, TIMED_OUT, Facts, Limits, Verdict, judge, lag_class, offline_at
from tests.registry.beats import a_beat
from wire import CallFacts, Hint, Said

LIMITS = Limits()
NOW = 1_000.0


def verdict(
    *, after: float = 0.0, is_cut_off: bool = False, beat: dict[str, Any] | None = None, **facts: Any
) -> Verdict:
    """The judgement `after` seconds after the last beat."""
    known = Facts(beat=a_beat(**(beat or {})), heard_at=NOW, **facts)
    return judge(known, now=NOW + after, limits=LIMITS, is_cut_off=is_cut_off)


def test_an_agent_that_beats_is_what_it_says() -> None:
    assert verdict() == Verdict(status=Status.RUNNING, health=100, reasons=(), cause=None, due_at=NOW + 16)
    assert verdict(beat={"status": Said.STARTING}).status is Status.STARTING


@pytest.mark.parametrize(
    ("said", "status", "health"), [(Said.WARNING, Status.WARNING, 75), (Said.ERROR, Status.ERROR, 40)]
)
def test_its_own_word_costs_health_with_its_own_reason(said: Said, status: Status, health: int) -> None:
    judged = verdict(beat={"status": said, "reason": "no disk"})
    assert (judged.status, judged.health, [reason.text for reason in judged.reasons]) == (
        status,
        health,
        ["no disk"],
    )


@pytest.mark.parametrize(
    ("after", "status", "health", "due_in"),
    [
        (15.999, Status.RUNNING, 100, 16.0),
        (16.0, Status.RUNNING, 80, 25.0),
        (24.999, Status.RUNNING, 80, 25.0),
        (25.0, Status.OFFLINE, 0, math.inf),
        (1e9, Status.OFFLINE, 0, math.inf),
    ],
)
def test_silence_is_late_at_16_seconds_and_offline_at_25(
    after: float, status: Status, health: int, due_in: float
) -> None:
    judged = verdict(after=after)
    assert (judged.status, judged.health, judged.due_at) == (status, health, NOW + due_in)


def test_a_sender_with_a_longer_interval_gets_longer() -> None:
    assert verdict(after=149.9, beat={"interval": 60.0}).status is Status.RUNNING
    assert verdict(after=150.0, beat={"interval": 60.0}).status is Status.OFFLINE


@pytest.mark.parametrize(
    ("after", "status"),
    [(0.0, Status.WARNING), (1.499, Status.WARNING), (1.5, Status.OFFLINE), (1.501, Status.OFFLINE)],
)
def test_a_broken_line_is_suspect_at_once_and_offline_after_a_second_and_a_half(
    after: float, status: Status
) -> None:
    judged = verdict(after=after, line_broken_at=NOW, line_end="connection lost")
    assert judged.status is status
    assert judged.is_suspect is (status is Status.WARNING)
    assert "its line broke without a goodbye (connection lost)" in (judged.cause or "")
    assert judged.due_at == (NOW + 1.5 if status is Status.WARNING else math.inf)


def test_an_end_that_was_seen_is_no_silence() -> None:
    assert not verdict(after=2, line_broken_at=NOW, line_end="connection lost").is_silent
    assert verdict(after=2, line_broken_at=NOW, line_end=TIMED_OUT).is_silent
    assert verdict(after=25).is_silent


def test_a_goodbye_is_final_whatever_comes_after() -> None:
    judged = verdict(after=1e6, beat={"status": Said.STOPPED, "reason": "SIGTERM"}, line_broken_at=NOW)
    assert (judged.status, judged.cause, judged.due_at) == (Status.STOPPED, "it stopped: SIGTERM", math.inf)


def test_a_process_known_to_be_gone_is_offline_at_once() -> None:
    judged = verdict(gone="process 12 does not exist")
    assert (judged.status, judged.cause, judged.is_silent) == (
        Status.OFFLINE,
        "process 12 does not exist",
        False,
    )


@pytest.mark.parametrize(
    ("after", "status", "health"),
    [(0.0, Status.UNKNOWN, None), (39.999, Status.UNKNOWN, None), (40.0, Status.OFFLINE, 0)],
)
def test_after_a_restart_nobody_knows_for_as_long_as_a_sender_may_pause(
    after: float, status: Status, health: int | None
) -> None:
    judged = verdict(after=after, is_restored=True)
    assert (judged.status, judged.health) == (status, health)
    assert judged.reasons, "what nobody knows is told in words"


def test_silence_proves_nothing_while_the_registry_seems_cut_off() -> None:
    judged = verdict(after=25, is_cut_off=True)
    assert (judged.status, judged.health, judged.due_at) == (Status.UNKNOWN, None, NOW + 25 + LOOK_AGAIN)
    assert "the registry may be cut off" in (judged.cause or "")


def test_an_end_that_was_seen_counts_even_then() -> None:
    judged = verdict(after=2, line_broken_at=NOW, line_end="connection lost", is_cut_off=True)
    assert judged.status is Status.OFFLINE


@pytest.mark.parametrize(
    ("lag", "status", "health", "klass"),
    [
        (None, Status.RUNNING, 100, 0),
        (0.999, Status.RUNNING, 100, 0),
        (1.0, Status.RUNNING, 85, 1),
        (2.999, Status.RUNNING, 85, 1),
        (3.0, Status.WARNING, 50, 2),
        (9.999, Status.WARNING, 50, 2),
        (10.0, Status.ERROR, 10, 3),
        (30.0, Status.ERROR, 10, 3),
    ],
)
def test_a_blocked_main_loop_is_stalled_and_not_offline(
    lag: float | None, status: Status, health: int, klass: int
) -> None:
    judged = verdict(beat={"loop_lag": lag})
    assert (judged.status, judged.health, lag_class(lag, LIMITS)) == (status, health, klass)


@pytest.mark.parametrize(
    ("points", "status"), [(20, Status.RUNNING), (21, Status.WARNING), (100, Status.WARNING)]
)
def test_hints_cost_health_and_below_80_someone_should_look(points: int, status: Status) -> None:
    judged = verdict(beat={"hints": (Hint(points=points, text="low memory"),)})
    assert (judged.status, judged.health) == (status, 100 - points)


def test_health_never_falls_below_nothing_and_the_reasons_add_up() -> None:
    hints = tuple(Hint(points=60, text=f"hint {number}") for number in range(3))
    judged = verdict(beat={"hints": hints, "status": Said.ERROR})
    assert judged.health == 0
    assert sum(reason.points for reason in judged.reasons) == 100


@pytest.mark.parametrize(("after_error", "health"), [(0.0, 85), (299.999, 85), (300.0, 100)])
def test_an_error_is_remembered_for_five_minutes(after_error: float, health: int) -> None:
    judged = verdict(beat={"last_error": "boom"}, error_at=NOW - after_error)
    assert judged.health == health


def test_the_end_of_an_errors_memory_is_a_moment_to_look_again() -> None:
    assert verdict(beat={"last_error": "boom"}, error_at=NOW - 295).due_at == NOW + 5


@pytest.mark.parametrize(("after", "health"), [(11.999, 100), (12.0, 70)])
def test_an_agent_that_stays_alone_past_its_grace_is_seen(after: float, health: int) -> None:
    call = CallFacts(room="r", phase="grace_period", grace_left=2.0)
    assert verdict(after=after, beat={"call": call}).health == health


def test_an_agent_heard_again_is_watched_for_one_more_beat() -> None:
    judged = verdict(is_doubted=True)
    assert (judged.status, judged.health) == (Status.WARNING, 75)


def test_inactivity_is_told_in_the_words_of_who_saw_it() -> None:
    judged = verdict(inactive="no activity for 15 minutes")
    assert (judged.status, judged.health) == (Status.WARNING, 70)
    assert [reason.text for reason in judged.reasons] == ["no activity for 15 minutes"]


@pytest.mark.parametrize("after", [0.0, 25.0, 1e6])
def test_a_forced_status_holds_against_everything(after: float) -> None:
    forced = Forced(
        status=Status.ERROR, health=30, by="Max", reason="broken microphone", at=datetime.now(UTC)
    )
    judged = verdict(after=after, forced=forced)
    assert (judged.status, judged.health) == (Status.ERROR, 30)
    assert judged.cause == "forced by Max: broken microphone"


def test_a_forced_status_without_a_health_keeps_the_computed_one() -> None:
    forced = Forced(status=Status.RUNNING, health=None, by="Max", reason="known", at=datetime.now(UTC))
    assert verdict(beat={"status": Said.ERROR}, forced=forced).health == 40
    assert verdict(is_restored=True, forced=forced).health is None


@pytest.mark.parametrize("line_broken_at", [None, NOW, NOW + 20])
def test_the_moment_of_going_offline_is_the_same_everywhere(line_broken_at: float | None) -> None:
    facts = Facts(beat=a_beat(), heard_at=NOW, line_broken_at=line_broken_at)
    at = offline_at(facts, LIMITS)
    assert judge(facts, now=at - 0.001, limits=LIMITS).status is not Status.OFFLINE
    assert judge(facts, now=at, limits=LIMITS).status is Status.OFFLINE
