"""Moments, amounts and odd texts, for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.page import words

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"), (0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 h"),
        (86_399, "23 h"), (86_400, "1 day"), (172_800, "2 days"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


def test_the_last_second_is_now() -> None:
    assert words.ago(NOW - timedelta(seconds=0.9), NOW) == "now"
    assert words.ago(NOW - timedelta(seconds=1), NOW) == "1 s ago"


def test_a_deadline_that_has_passed_is_over() -> None:
    assert words.left(NOW + timedelta(seconds=42), NOW) == "42 s left"
    assert words.left(NOW, NOW) == "over for 0 s"
    assert words.left(NOW - timedelta(seconds=5), NOW) == "over for 5 s"


def test_what_is_to_come_is_due() -> None:
    assert words.due(NOW + timedelta(seconds=12.9), NOW) == "in 12 s"
    assert words.due(NOW + timedelta(seconds=1), NOW) == "in 1 s"
    assert words.due(NOW + timedelta(seconds=0.9), NOW) == "due now"
    assert words.due(NOW - timedelta(seconds=5), NOW) == "due now"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.00 s"), (0.314, "0.31 s"), (12.44, "12.4 s"), (59.9, "59.9 s"), (60, "1 min")],
)
def test_short_times_are_told_as_measured(seconds: float, text: str) -> None:
    assert words.exact(seconds) == text


def test_shares_are_told_in_percent() -> None:
    assert (words.percent(0), words.percent(0.0244), words.percent(1)) == ("0.0 %", "2.4 %", "100.0 %")


def test_evidence_is_readable_whatever_is_in_it() -> None:
    assert words.evidence({"ü": [NOW]}) == '{\n  "ü": [\n    "2026-03-01 12:00:00+00:00"\n  ]\n}'
    assert len(words.evidence({"long": "x" * 20_000})) == 8_001


def test_dates_are_told_in_utc_whatever_they_came_in() -> None:
    date = datetime.fromisoformat("2026-03-01T13:00:00.123456+01:00")
    assert words.full(date) == "2026-03-01 12:00:00 UTC"
    assert words.machine(date) == "2026-03-01T12:00:00.123Z"


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 kB"), (999_999, "1000 kB"), (61_000_000, "61 MB"), (1_500_000_000, "1.5 GB")],
)
def test_memory_is_told_in_powers_of_a_thousand(n_bytes: int, text: str) -> None:
    assert words.size(n_bytes) == text


def test_what_nobody_can_see_is_named() -> None:
    assert words.visible("ada") == "ada"
    assert words.visible("günther/日本 語") == "günther/日本 語"
    assert words.visible("ada\u200b") == "ada⟨U+200B⟩"
    assert words.visible("\u202e321") == "⟨U+202E⟩321"


def test_an_agent_without_a_visible_name_is_called_by_its_id() -> None:
    assert words.name_of("Ada", "1") == "Ada"
    assert words.name_of("", "1") == "1"
    assert words.name_of(" \u200b\u200d", "1") == "1"


def test_a_name_cannot_turn_a_sentence_around() -> None:
    assert words.isolated("Ada מ") == "Ada מ"
    assert words.isolated("\u202eadA") == "\u2068\u202eadA\u2069"


def test_counts_know_the_singular() -> None:
    assert (words.count(1, "agent"), words.count(0, "agent")) == ("1 agent", "0 agents")
    assert words.count(12_345, "agent") == "12,345 agents"
