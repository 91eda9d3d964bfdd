"""Seconds and moments, for people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cli.durations import ago, between, clock_time, duration, moment, zone


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.6, "1 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (900, "15 min"),
        (5_999, "100 min"),
        (6_000, "2 h"),
        (172_799, "48 h"),
        (172_800, "2 d"),
        (8_640_000, "100 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert ago(seconds) == f"{text} ago"


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


WINTER = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SUMMER = datetime(2026, 7, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
def test_moments_are_local_and_their_zone_is_named_once() -> None:
    assert moment(WINTER) == "2026-01-02 04:04:05"
    assert clock_time(SUMMER) == "05:04:05"
    assert zone([WINTER, WINTER]) == "CET"
    assert zone([SUMMER, WINTER, SUMMER]) == "CEST/CET"
    assert zone([]) == ""


def test_a_zone_without_a_name_is_told_by_its_distance(monkeypatch: pytest.MonkeyPatch, berlin: None) -> None:
    monkeypatch.setenv("TZ", "Asia/Dubai")
    time.tzset()
    assert zone([WINTER]) == "UTC+04:00"


@pytest.mark.parametrize(("seconds", "expected"), [(90, 90.0), (0, 0.0), (-1, 0.0)])
def test_what_comes_in_the_other_order_is_no_time_apart(seconds: int, expected: float) -> None:
    assert between(WINTER, WINTER + timedelta(seconds=seconds)) == expected
