"""What is told of how well rooms are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.room_stats import crash_rate, exit_codes, minutes_saved, room_stats
from registry.session_records import LOST, Ending
from rooms.tally import Counts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def ended(
    minutes_ago: float,
    reason: str | None = "humans_left",
    exit_code: int | None = 0,
    *,
    room: str = "a",
    lasted: float = 10,
) -> Ending:
    return Ending(room, ago(minutes_ago + lasted), ago(minutes_ago), reason, exit_code)


@pytest.mark.parametrize(
    ("sessions", "codes", "rate"),
    [
        pytest.param([], {}, None, id="none ended"),
        pytest.param([ended(1)], {"0": 1}, 0.0, id="all well"),
        pytest.param([ended(1), ended(2, "failed", 1)], {"0": 1, "1": 1}, 0.5, id="one failed"),
        pytest.param([ended(1, LOST, None)], {"lost": 1}, 1.0, id="one was lost"),
        pytest.param([ended(1, LOST, 0)], {"lost": 1}, 1.0, id="lost counts before its code"),
        pytest.param([ended(1, "operator", None)], {"unknown": 1}, 0.0, id="one that did not say"),
        pytest.param([ended(1, None, None)], {"unknown": 1}, 0.0, id="one that said nothing at all"),
        pytest.param(
            [ended(1), ended(1), ended(1, "failed", -9), ended(1, LOST, None)],
            {"-9": 1, "0": 2, "lost": 1},
            0.5,
            id="all kinds",
        ),
    ],
)
def test_sessions_end_well_or_not(sessions: list[Ending], codes: dict[str, int], rate: float | None) -> None:
    assert exit_codes(sessions) == codes
    assert crash_rate(sessions) == rate


@pytest.mark.parametrize(
    ("sessions", "going", "expected"),
    [
        pytest.param([], [], 0.0, id="nothing"),
        pytest.param([ended(30)], [], 30.0, id="empty since"),
        pytest.param([ended(30, "never_joined")], [], 30.0, id="nobody came"),
        pytest.param([ended(30, "operator")], [], 0.0, id="an operator ended it"),
        pytest.param([ended(30, LOST, None)], [], 0.0, id="it was lost"),
        pytest.param([ended(240)], [], 240.0, id="four hours"),
        pytest.param([ended(241)], [], 240.0, id="and not more"),
        pytest.param([ended(0)], [], 0.0, id="just now"),
        pytest.param([ended(30)], [("a", ago(20))], 10.0, id="until the next one"),
        pytest.param([ended(30)], [("b", ago(20))], 30.0, id="other rooms do not matter"),
        pytest.param([ended(30)], [("a", ago(31))], 0.0, id="another agent was there"),
        pytest.param([ended(30)], [("a", ago(30))], 0.0, id="another came at that moment"),
        pytest.param([ended(60), ended(20, lasted=10)], [], 50.0, id="twice"),
        pytest.param([ended(60, lasted=5), ended(20, "operator", lasted=10)], [], 30.0, id="then by hand"),
        pytest.param([ended(60, lasted=30), ended(40, lasted=80)], [], 40.0, id="a shorter one within"),
        pytest.param([ended(30, lasted=5), ended(30, lasted=50)], [], 30.0, id="two at one moment"),
        pytest.param([ended(30), ended(30, room="b")], [], 60.0, id="two rooms"),
        pytest.param([ended(-5)], [], 0.0, id="in the future, after a clock was set back"),
    ],
)
def test_what_leaving_saves(
    sessions: list[Ending], going: list[tuple[str, datetime]], expected: float
) -> None:
    assert minutes_saved(sessions, going, now=NOW) == expected
    assert minutes_saved(sessions[::-1], going[::-1], now=NOW) == expected


def test_counts_and_sessions_are_told_together() -> None:
    counts = Counts(since=0.0, phases={"active": 2}, without_agent=1, grace_started=3, grace_expired=1)
    counts.grace_lengths.extend([60.0, 30.0])
    counts.recoveries = 1
    counts.recovery_lengths.append(0.5)
    counts.dispatches = 4
    counts.dispatch_lengths.extend([0.1, 0.2, 0.3, 0.4])
    stats = room_stats(counts, since=ago(60), ended=[ended(30)], going=[], n_started=2, now=NOW)
    assert (stats.since, stats.phases, stats.without_agent, stats.sessions) == (
        ago(60), {"active": 2}, 1, 2,
    )  # fmt: skip
    assert (stats.grace.started, stats.grace.expired, stats.grace.average_seconds) == (3, 1, 45.0)
    assert (stats.recoveries.count, stats.recoveries.average_seconds) == (1, 0.5)
    assert (stats.dispatches.sent, stats.dispatches.p50_seconds, stats.dispatches.p95_seconds) == (
        4,
        0.2,
        0.4,
    )
    assert (stats.exit_codes, stats.crash_rate, stats.minutes_saved) == ({"0": 1}, 0.0, 30.0)


def test_nothing_has_no_average() -> None:
    stats = room_stats(Counts(since=0.0), since=NOW, ended=[], going=[], n_started=0, now=NOW)
    assert stats.grace.average_seconds is None
    assert stats.recoveries.average_seconds is None
    assert stats.dispatches.p95_seconds is None
    assert stats.crash_rate is None


def test_a_day_of_a_busy_room_is_counted_quickly() -> None:
    sessions = [ended(minute / 10, lasted=0.05) for minute in range(14_400)]
    assert minutes_saved(sessions, [], now=NOW) == pytest.approx(720.0, rel=0.01)
