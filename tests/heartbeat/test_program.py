"""What a program has said of itself, as its beats tell it."""

from __future__ import annotations

import pytest

from heartbeat.program import MEMORY, Program
from tests.heartbeat.fakes import facts
from wire import Hint, Said

SLOW = Hint(points=25, text="slow")


def test_a_program_that_says_nothing_runs() -> None:
    said = Program(basis=facts()).facts(now=100.0)
    assert said == facts(status=Said.RUNNING)


def test_a_status_has_its_reason_and_its_hints() -> None:
    said = Program(basis=facts()).with_status(Said.WARNING, "queue", (SLOW,)).facts(now=0)
    assert (said.status, said.reason, said.hints) == (Said.WARNING, "queue", (SLOW,))


@pytest.mark.parametrize(
    ("now", "hints"),
    [
        pytest.param(100.0, (SLOW,), id="at once"),
        pytest.param(100.0 + MEMORY - 0.1, (SLOW,), id="just before its end"),
        pytest.param(100.0 + MEMORY, (), id="at its end"),
    ],
)
def test_a_warning_counts_for_five_minutes(now: float, hints: tuple[Hint, ...]) -> None:
    assert Program(basis=facts()).with_warning(SLOW, now=100.0).facts(now=now).hints == hints


def test_the_same_warning_again_counts_anew_and_not_twice() -> None:
    program = Program(basis=facts()).with_warning(SLOW, now=0).with_warning(SLOW, now=200)
    assert program.facts(now=400).hints == (SLOW,)


def test_the_newest_of_many_warnings_are_kept() -> None:
    program = Program(basis=facts())
    for number in range(50):
        program = program.with_warning(Hint(points=1, text=f"{number}"), now=number)
    assert [hint.text for hint in program.facts(now=50).hints] == [f"{number}" for number in range(30, 50)]


def test_an_error_is_the_last_one_and_takes_health_for_a_while() -> None:
    program = Program(basis=facts()).with_error("ValueError: x", is_fatal=False, now=100)
    said = program.facts(now=107)
    assert (said.status, said.last_error, said.error_age) == (Said.RUNNING, "ValueError: x", 7)
    assert [hint.points for hint in said.hints] == [10]
    later = program.facts(now=100 + MEMORY)
    assert (later.hints, later.last_error) == ((), "ValueError: x")


def test_a_fatal_error_is_a_status() -> None:
    said = Program(basis=facts()).with_error("it is over", is_fatal=True, now=0).facts(now=1)
    assert (said.status, said.reason, said.last_error) == (Said.ERROR, "it is over", "it is over")


def test_running_settles_what_was_warned_of() -> None:
    program = Program(basis=facts()).with_error("x", is_fatal=True, now=0).with_warning(SLOW, now=0)
    said = program.with_status(Said.RUNNING, None, ()).facts(now=1)
    assert (said.status, said.reason, said.hints, said.last_error) == (Said.RUNNING, None, (), "x")
    still = program.with_status(Said.WARNING, "still", ()).facts(now=1)
    assert still.hints == (SLOW,)


def test_activity_is_told_by_its_age() -> None:
    program = Program(basis=facts())
    assert program.facts(now=5).idle is None
    assert program.with_activity(now=5).facts(now=9).idle == 4
