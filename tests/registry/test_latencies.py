"""Percentiles of what sessions measured, and their charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from registry.charts import charts
from registry.latencies import Bucket, Spread, latencies, over_time, spread
from registry.session_records import Timed
from wire import Delays

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([0.5], Spread(count=1, p50=0.5, p95=0.5, worst=0.5)),
        ([3, 1, 2], Spread(count=3, p50=2, p95=3, worst=3)),
        ([n / 100 for n in range(1, 101)], Spread(count=100, p50=0.5, p95=0.95, worst=1.0)),
    ],
    ids=["none", "one", "three", "hundred"],
)
def test_a_spread(values: list[float], expected: Spread | None) -> None:
    assert spread(values) == expected


def test_each_latency_counts_where_it_was_measured() -> None:
    found = latencies([Delays(stt=0.3), Delays(llm=0.2, total=0.8), Delays(total=1.0)], [0.6])
    assert found.total == Spread(count=2, p50=0.8, p95=1.0, worst=1.0)
    assert (found.stt, found.llm, found.first_audio) == tuple(
        Spread(count=1, p50=value, p95=value, worst=value) for value in (0.3, 0.2, 0.6)
    )
    assert (found.tts, found.end_of_turn) == (None, None)


def test_a_bucket_begins_on_the_hour_and_the_day() -> None:
    moment = NOON + timedelta(minutes=59, seconds=59, microseconds=1)
    assert Bucket.HOUR.start(moment) == NOON
    assert Bucket.DAY.start(moment) == NOON - 12 * HOUR


def test_over_time_there_are_buckets_where_something_was_measured() -> None:
    turns = [Timed(NOON + n * timedelta(minutes=20), Delays(total=float(n))) for n in range(6)]
    heard = [(NOON + 5 * HOUR, 0.7), (NOON - HOUR, 0.5)]
    found = over_time("7", turns, heard, bucket=Bucket.HOUR, since=NOON)
    assert [(point.at, point.latencies.total and point.latencies.total.count) for point in found.points] == [
        (NOON, 3),
        (NOON + HOUR, 3),
        (NOON + 5 * HOUR, None),
    ]
    assert found.points[0].latencies.first_audio == Spread(count=1, p50=0.5, p95=0.5, worst=0.5)
    assert found.overall.total == Spread(count=6, p50=2, p95=5, worst=5)
    assert not found.is_cut


def test_nothing_measured_is_nothing() -> None:
    found = over_time("7", [], [], bucket=Bucket.DAY, since=NOON)
    assert (found.points, found.overall.total) == ((), None)
    assert charts(found, bucket=Bucket.DAY, now=NOON) == []


def test_moments_of_another_zone_are_in_the_same_bucket() -> None:
    east = (NOON + timedelta(minutes=5)).astimezone(timezone(timedelta(hours=2)))
    found = over_time(
        "7", [Timed(east.astimezone(UTC), Delays(total=1.0))], [], bucket=Bucket.HOUR, since=NOON
    )
    assert [point.at for point in found.points] == [NOON]


# -- charts


def test_a_chart_has_a_point_for_each_bucket() -> None:
    turns = [Timed(NOON + n * HOUR, Delays(total=value)) for n, value in ((0, 0.5), (2, 1.0), (3, 0.25))]
    found = over_time("7", turns, [], bucket=Bucket.HOUR, since=NOON)
    (chart,) = charts(found, bucket=Bucket.HOUR, now=NOON + 4 * HOUR)
    assert (chart.name, chart.top, chart.overall.count) == ("total", 2.0, 3)
    assert chart.p50 == "M12.50 30.00L62.50 20.00L87.50 35.00h0"
    assert [dot.at for dot in chart.dots] == [NOON, NOON + 2 * HOUR, NOON + 3 * HOUR]


def test_a_single_point_can_be_seen() -> None:
    found = over_time("7", [], [(NOON, 0.09)], bucket=Bucket.HOUR, since=NOON)
    (chart,) = charts(found, bucket=Bucket.HOUR, now=NOON + HOUR / 2)
    assert chart.p50 == chart.p95
    assert chart.p50.endswith("h0"), "a line without length is drawn as a dot"


def test_what_takes_forever_is_drawn_all_the_same() -> None:
    found = over_time("7", [Timed(NOON, Delays(stt=1e6))], [], bucket=Bucket.HOUR, since=NOON)
    (chart,) = charts(found, bucket=Bucket.HOUR, now=NOON + HOUR)
    assert chart.top == 1e6
    assert " 0.00" in chart.p50
