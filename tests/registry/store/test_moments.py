from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from registry.store.moments import moment_text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC), "2026-01-02T03:04:05.600000Z"),
        (datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T23:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
    ],
    ids=["microseconds", "whole-second", "tenths", "other-zone", "first-year"],
)
def test_the_text_of_a_moment_is_always_as_long(moment: datetime, text: str) -> None:
    assert moment_text(moment) == text
    assert datetime.fromisoformat(text) == moment


def test_a_moment_without_a_time_zone_is_nobody_s() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        moment_text(datetime(2026, 1, 2))  # noqa: DTZ001
