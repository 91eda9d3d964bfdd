"""When nothing more becomes of what a human has said."""

from __future__ import annotations

import math

from session.human_turn import HumanTurn


def test_nothing_is_under_way_before_somebody_speaks() -> None:
    assert HumanTurn().over_at(1.8) == -math.inf


def test_it_is_over_some_seconds_after_the_voice() -> None:
    turn = HumanTurn()
    turn.speaks()
    assert turn.over_at(1.8) == math.inf
    turn.understood(now=5.0)
    assert turn.over_at(1.8) == math.inf, "they still speak"
    turn.falls_silent(now=10.0)
    assert turn.over_at(1.5) == 11.5
    turn.speaks()
    turn.falls_silent(now=20.0)
    assert turn.over_at(1.5) == 21.5


def test_words_that_come_late_may_still_become_a_turn() -> None:
    turn = HumanTurn()
    turn.falls_silent(now=10.0)
    turn.understood(now=13.0)
    assert turn.over_at(1.5) == 14.5


def test_a_turn_that_is_taken_is_over() -> None:
    turn = HumanTurn()
    turn.falls_silent(now=10.0)
    turn.taken()
    assert turn.over_at(1.5) == -math.inf
    turn.understood(now=12.0)
    assert turn.over_at(1.5) == 13.5, "these are new words"
