"""What is counted."""

from __future__ import annotations

import pytest

from rooms.tally import Counts, average, percentile


@pytest.mark.parametrize(
    ("lengths", "share", "expected"),
    [
        pytest.param([], 0.5, None, id="nothing"),
        pytest.param([3.0], 0.0, 3.0, id="the least of one"),
        pytest.param([3.0], 0.95, 3.0, id="one"),
        pytest.param([2.0, 1.0], 0.5, 1.0, id="half of two"),
        pytest.param([2.0, 1.0], 0.51, 2.0, id="more than half of two"),
        pytest.param([float(n) for n in range(1, 101)], 0.95, 95.0, id="of a hundred"),
        pytest.param([float(n) for n in range(1, 101)], 1.0, 100.0, id="all"),
    ],
)
def test_percentiles(lengths: list[float], share: float, expected: float | None) -> None:
    assert percentile(lengths, share) == expected


def test_an_average_of_nothing_is_nothing() -> None:
    assert average([]) is None
    assert average([1.0, 2.0]) == 1.5


def test_everything_is_counted_and_told() -> None:
    counts = Counts(since=0.0)
    recoveries: list[float] = []
    dispatches: list[float] = []
    counts.on_recovery, counts.on_dispatch = recoveries.append, dispatches.append
    counts.recovered(0.4)
    counts.answered(0.3)
    counts.grace_ended(59.0, is_cancelled=True)
    counts.grace_ended(60.0, is_cancelled=False)
    assert (counts.recoveries, counts.dispatches_answered) == (1, 1)
    assert (counts.grace_cancelled, counts.grace_expired) == (1, 1)
    assert (recoveries, dispatches) == ([0.4], [0.3])
    assert list(counts.grace_lengths) == [59.0, 60.0]


def test_only_the_latest_lengths_are_remembered() -> None:
    counts = Counts(since=0.0)
    for number in range(1_500):
        counts.recovered(float(number))
    assert counts.recoveries == 1_500
    assert (len(counts.recovery_lengths), counts.recovery_lengths[0]) == (1_000, 500.0)
