"""When the registry suspects itself."""

import pytest

from registry.silence import LONGEST, SilenceGuard


def guard(n_silent: int, *, every: float = 0.0) -> SilenceGuard:
    made = SilenceGuard(window=25.0)
    for number in range(n_silent):
        made.fell_silent(str(number), now=number * every)
    return made


@pytest.mark.parametrize(
    ("n_silent", "n_live", "is_cut_off"),
    [(3, 0, False), (4, 0, True), (4, 15, True), (4, 16, False), (20, 80, False), (21, 79, True)],
)
def test_more_than_three_and_more_than_a_fifth(n_silent: int, n_live: int, is_cut_off: bool) -> None:
    made = guard(n_silent)
    assert made.look(n_live=n_live, now=0.0) is is_cut_off
    assert (made.cut_off_at is not None) is is_cut_off


@pytest.mark.parametrize(("every", "is_cut_off"), [(6.0, True), (9.0, False)])
def test_only_silences_within_the_window_count_together(every: float, is_cut_off: bool) -> None:
    made = guard(4, every=every)
    made.look(n_live=0, now=3 * every)
    assert (made.cut_off_at is not None) is is_cut_off


def test_it_is_over_when_enough_are_heard_again() -> None:
    made = guard(5)
    assert made.look(n_live=0, now=0.0)
    made.heard("0")
    assert not made.look(n_live=1, now=50.0), "four of five are still silent"
    made.heard("1")
    assert made.look(n_live=2, now=51.0)
    assert made.cut_off_at is None


def test_it_is_over_after_ten_minutes_at_the_latest() -> None:
    made = guard(5)
    made.look(n_live=0, now=0.0)
    assert not made.look(n_live=0, now=LONGEST - 0.001)
    assert made.look(n_live=0, now=LONGEST)


def test_an_agent_told_twice_counts_once() -> None:
    made = guard(3)
    made.fell_silent("0", now=1.0)
    assert not made.look(n_live=0, now=1.0)
