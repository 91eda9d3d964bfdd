"""The brake: a few acts on silence alone are believed, many at once are not."""

from __future__ import annotations

import pytest

from rooms.brake import COUNT, MOST, SHARE, WINDOW, WINDOW_OF_ALL, Brake


def n_allowed(brake: Brake, n: int, *, is_guess: bool, n_rooms: int, now: float = 0.0) -> int:
    return sum(brake.allow(is_guess=is_guess, n_rooms=n_rooms, now=now) for _ in range(n))


@pytest.mark.parametrize(
    ("n_rooms", "allowed"),
    [(0, 3), (1, 3), (15, 3), (16, 4), (20, 4), (100, 20)],
    ids=str,
)
def test_three_guesses_or_a_fifth_of_all_rooms_are_allowed(n_rooms: int, allowed: int) -> None:
    assert n_allowed(Brake(), 60, is_guess=True, n_rooms=n_rooms) == allowed
    assert allowed == max(COUNT, -(-int(SHARE * n_rooms * 10) // 10))


def test_what_is_known_is_not_held_back_by_guesses() -> None:
    brake = Brake()
    n_allowed(brake, 10, is_guess=True, n_rooms=5)
    assert n_allowed(brake, 20, is_guess=False, n_rooms=5) == 20


@pytest.mark.parametrize(
    ("n_rooms", "allowed"), [(0, 60), (1, 60), (30, 60), (31, 62), (1_000, 2_000)], ids=str
)
def test_sixty_acts_of_all_kinds_or_two_for_each_room_are_allowed(n_rooms: int, allowed: int) -> None:
    assert n_allowed(Brake(), 3_000, is_guess=False, n_rooms=n_rooms) == allowed == max(MOST, 2 * n_rooms)


@pytest.mark.parametrize(
    ("later", "is_allowed"),
    [(WINDOW_OF_ALL - 0.001, False), (WINDOW_OF_ALL, True)],
    ids=["just before", "at"],
)
def test_acts_are_allowed_again_after_a_while(later: float, is_allowed: bool) -> None:
    brake = Brake()
    n_allowed(brake, MOST, is_guess=False, n_rooms=1)
    assert brake.allow(is_guess=False, n_rooms=1, now=later) is is_allowed


@pytest.mark.parametrize(
    ("later", "is_held"), [(WINDOW - 0.001, True), (WINDOW, False)], ids=["just before", "at"]
)
def test_guesses_are_believed_again_after_a_minute(later: float, is_held: bool) -> None:
    brake = Brake()
    n_allowed(brake, COUNT + 1, is_guess=True, n_rooms=1)
    assert brake.held_since == 0.0
    assert brake.is_holding(now=later) is is_held, "though nobody asks for another act"
    assert brake.allow(is_guess=True, n_rooms=1, now=later) is not is_held


def test_it_holds_nothing_back_while_all_was_allowed() -> None:
    brake = Brake()
    n_allowed(brake, COUNT, is_guess=True, n_rooms=1)
    assert not brake.is_holding(now=0.0)


def test_to_ask_costs_nothing() -> None:
    brake = Brake()
    for _ in range(1_000):
        assert brake.would_allow(is_guess=True, n_rooms=1, now=0.0)
    assert n_allowed(brake, 10, is_guess=True, n_rooms=1) == COUNT


def test_an_act_that_is_held_back_does_not_count() -> None:
    brake = Brake()
    n_allowed(brake, COUNT + 500, is_guess=True, n_rooms=1)
    assert n_allowed(brake, 100, is_guess=False, n_rooms=1) == MOST - COUNT
