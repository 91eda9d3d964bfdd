"""When the next beat goes, in numbers."""

from __future__ import annotations

import pytest

from heartbeat.schedule import clamp_interval, next_delay, patient_delay, reconnect_delay, retry_delay


@pytest.mark.parametrize(
    ("interval", "spread", "delay"),
    [
        pytest.param(10, 0.0, 9.0, id="a tenth earlier at the least"),
        pytest.param(10, 0.5, 10.0, id="the interval in the middle"),
        pytest.param(10, 1.0, 11.0, id="a tenth later at the most"),
    ],
)
def test_beats_are_an_interval_apart_give_or_take_a_tenth(
    interval: float, spread: float, delay: float
) -> None:
    assert next_delay(interval, spread=spread) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("failures", "spread", "retry_after", "delay"),
    [
        pytest.param(1, 0.0, None, 0.0, id="chance may say at once"),
        pytest.param(1, 1.0, None, 0.5, id="half a second after the first failure"),
        pytest.param(2, 1.0, None, 1.0, id="twice as long after the second"),
        pytest.param(3, 0.5, None, 1.0, id="spread over the whole delay"),
        pytest.param(6, 1.0, None, 16.0, id="the last that is not cut"),
        pytest.param(7, 1.0, None, 30.0, id="never more than half a minute"),
        pytest.param(100_000, 1.0, None, 30.0, id="also after days"),
        pytest.param(1, 0.0, 5.0, 5.0, id="the registry's wish is the least"),
        pytest.param(1, 1.0, 5.0, 10.0, id="and is spread over five seconds"),
        pytest.param(100, 0.5, 1.0, 3.5, id="a registry that answers hears often that this process lives"),
        pytest.param(1, 0.0, 1e9, 300.0, id="a wish of years is cut"),
        pytest.param(1, 0.0, -4.0, 0.0, id="a wish for the past is none"),
    ],
)
def test_failures_make_the_next_try_later(
    failures: int, spread: float, retry_after: float | None, delay: float
) -> None:
    assert retry_delay(failures, spread=spread, retry_after=retry_after) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("failures", "spread", "delay"),
    [
        pytest.param(0, 0.0, 0.0, id="at once if chance says so"),
        pytest.param(0, 1.0, 0.2, id="a good line is tried again within 0.2 s"),
        pytest.param(1, 1.0, 0.4, id="then within twice that"),
        pytest.param(7, 1.0, 25.6, id="the last that is not cut"),
        pytest.param(8, 1.0, 30.0, id="never more than half a minute"),
        pytest.param(5_000, 0.5, 15.0, id="also after days"),
    ],
)
def test_a_line_is_opened_again_soon_at_first(failures: int, spread: float, delay: float) -> None:
    assert reconnect_delay(failures, spread=spread) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        pytest.param(10.0, 10.0, id="as asked"),
        pytest.param(0.2, 0.2, id="shortest"),
        pytest.param(0.0, 0.2, id="none at all"),
        pytest.param(-1.0, 0.2, id="negative"),
        pytest.param(3_600.0, 3_600.0, id="longest"),
        pytest.param(1e300, 3_600.0, id="for ever"),
    ],
)
def test_an_interval_is_kept_within_reason(asked: float, taken: float) -> None:
    assert clamp_interval(asked) == taken


def test_what_only_a_person_can_mend_is_tried_every_half_minute() -> None:
    assert [patient_delay(spread=spread) for spread in (0.0, 0.5, 1.0)] == pytest.approx([27.0, 30.0, 33.0])
