"""Seconds, for people."""

from __future__ import annotations

import pytest

from cli.durations import ago, duration


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
