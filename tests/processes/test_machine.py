"""Every arrow of a process's life, and its deadlines."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from processes.machine import STEADY, Life, Restart, Rules, State, Step, retry_delay

RULES = Rules(start_seconds=1.0, stop_timeout=30.0)


def a_life(rules: Rules = RULES) -> Life:
    return Life(rules, spread=lambda: 0.0)


def stopped(rules: Rules = RULES) -> Life:
    return a_life(rules)


def unborn(rules: Rules = RULES) -> Life:
    life = a_life(rules)
    life.start()
    return life


def starting(rules: Rules = RULES) -> Life:
    life = unborn(rules)
    assert life.take_step(now=0.0) is Step.START
    return life


def running(rules: Rules = RULES) -> Life:
    life = starting(rules)
    life.tick(now=1.0)
    assert life.state is State.RUNNING
    return life


def stopping(rules: Rules = RULES) -> Life:
    life = running(rules)
    life.stop(now=5.0)
    return life


def restarting(rules: Rules = RULES) -> Life:
    life = running(rules)
    life.restart(now=5.0)
    return life


def backoff(rules: Rules = RULES) -> Life:
    life = running(rules)
    life.exited(1, now=5.0)
    return life


def exited(rules: Rules = RULES) -> Life:
    life = running(rules)
    life.exited(0, now=5.0)
    return life


def start(life: Life) -> None:
    life.start()


def stop(life: Life) -> None:
    life.stop(now=10.0)


def kill(life: Life) -> None:
    life.stop(now=10.0, force=True)


def restart(life: Life) -> None:
    life.restart(now=10.0)


def fail(life: Life) -> None:
    life.exited(1, now=10.0)


def finish(life: Life) -> None:
    life.exited(0, now=10.0)


def cannot(life: Life) -> None:
    life.cannot_start(now=10.0)


ARROWS = [
    (stopped, start, State.STARTING, True),
    (stopped, stop, State.STOPPED, False),
    (stopped, kill, State.STOPPED, False),
    (stopped, restart, State.STARTING, True),
    (unborn, start, State.STARTING, True),
    (unborn, stop, State.STOPPED, False),
    (unborn, kill, State.STOPPED, False),
    (starting, start, State.STARTING, True),
    (starting, stop, State.STOPPING, False),
    (starting, kill, State.STOPPING, False),
    (starting, restart, State.STOPPING, True),
    (starting, fail, State.BACKOFF, True),
    (starting, finish, State.EXITED, True),
    (starting, cannot, State.BACKOFF, True),
    (running, start, State.RUNNING, True),
    (running, stop, State.STOPPING, False),
    (running, kill, State.STOPPING, False),
    (running, restart, State.STOPPING, True),
    (running, fail, State.BACKOFF, True),
    (running, finish, State.EXITED, True),
    (stopping, start, State.STOPPING, True),
    (stopping, stop, State.STOPPING, False),
    (stopping, kill, State.STOPPING, False),
    (stopping, restart, State.STOPPING, True),
    (stopping, fail, State.STOPPED, False),
    (stopping, finish, State.STOPPED, False),
    (stopping, cannot, State.STOPPED, False),
    (restarting, stop, State.STOPPING, False),
    (restarting, fail, State.STARTING, True),
    (restarting, finish, State.STARTING, True),
    (backoff, start, State.STARTING, True),
    (backoff, stop, State.STOPPED, False),
    (backoff, kill, State.STOPPED, False),
    (backoff, restart, State.STARTING, True),
    (exited, start, State.STARTING, True),
    (exited, stop, State.STOPPED, False),
    (exited, kill, State.STOPPED, False),
    (exited, restart, State.STARTING, True),
]


@pytest.mark.parametrize(
    ("at", "act", "state", "is_wanted"),
    ARROWS,
    ids=[f"{row[0].__name__}-{row[1].__name__}" for row in ARROWS],
)
def test_what_is_asked_and_what_happens_changes_the_state(
    at: Callable[[], Life], act: Callable[[Life], None], state: State, is_wanted: bool
) -> None:
    life = at()
    act(life)
    assert (life.state, life.is_wanted) == (state, is_wanted)


@pytest.mark.parametrize(
    ("restart", "code", "state"),
    [
        (Restart.ON_FAILURE, 0, State.EXITED),
        (Restart.ON_FAILURE, 1, State.BACKOFF),
        (Restart.ON_FAILURE, -9, State.BACKOFF),
        (Restart.ALWAYS, 0, State.BACKOFF),
        (Restart.ALWAYS, -15, State.BACKOFF),
        (Restart.NEVER, 0, State.EXITED),
        (Restart.NEVER, 1, State.EXITED),
    ],
)
def test_the_rule_and_the_exit_code_say_whether_it_is_started_again(
    restart: Restart, code: int, state: State
) -> None:
    life = running(Rules(restart=restart))
    life.exited(code, now=5.0)
    assert (life.state, life.exit_code) == (state, code)


def test_it_runs_once_it_has_lived_for_start_seconds() -> None:
    life = starting()
    assert life.deadline == 1.0
    states = []
    for now in (0.999, 1.0):
        life.tick(now=now)
        states.append(life.state)
    assert states == [State.STARTING, State.RUNNING]
    assert life.deadline == math.inf


def test_each_step_is_said_once() -> None:
    life = unborn()
    assert life.deadline == math.inf  # the step is due now, and no timer is needed
    assert [life.take_step(now=0.0) for _ in range(3)] == [Step.START, Step.NOTHING, Step.NOTHING]
    life.start()
    assert life.take_step(now=0.0) is Step.NOTHING
    life.stop(now=5.0)
    assert [life.take_step(now=5.0) for _ in range(2)] == [Step.TERMINATE, Step.NOTHING]
    assert life.deadline == 35.0
    assert life.take_step(now=34.999) is Step.NOTHING
    assert [life.take_step(now=35.0) for _ in range(2)] == [Step.KILL, Step.NOTHING]
    assert life.deadline == math.inf


def test_a_second_stop_does_not_give_it_more_time() -> None:
    life = stopping()
    life.stop(now=20.0)
    assert life.deadline == 35.0


def test_force_kills_at_once_also_while_it_is_stopping() -> None:
    life = stopping()
    assert life.take_step(now=5.0) is Step.TERMINATE
    life.stop(now=6.0, force=True)
    assert life.take_step(now=6.0) is Step.KILL
    life.stop(now=7.0, force=True)
    assert life.take_step(now=7.0) is Step.NOTHING

    life = running()
    life.stop(now=6.0, force=True)
    assert [life.take_step(now=6.0) for _ in range(2)] == [Step.KILL, Step.NOTHING]


def test_a_stop_timeout_of_0_kills_at_once() -> None:
    life = stopping(Rules(stop_timeout=0.0))
    assert life.take_step(now=5.0) is Step.KILL


def test_the_next_process_is_asked_before_it_is_killed_again() -> None:
    life = restarting()
    assert life.take_step(now=5.0) is Step.TERMINATE
    life.exited(-15, now=6.0)
    assert life.take_step(now=6.0) is Step.START
    life.stop(now=7.0)
    assert life.take_step(now=7.0) is Step.TERMINATE
    assert life.deadline == 37.0


def test_it_comes_back_at_the_end_of_the_back_off() -> None:
    life = backoff()
    assert (life.retry_at, life.deadline) == (6.0, 6.0)
    life.tick(now=5.999)
    assert life.state is State.BACKOFF
    assert life.take_step(now=5.999) is Step.NOTHING
    life.tick(now=6.0)
    assert (life.state, life.restarts) == (State.STARTING, 1)
    assert life.take_step(now=6.0) is Step.START


def test_a_stop_during_back_off_ends_the_waiting() -> None:
    life = backoff()
    life.stop(now=5.5)
    assert life.deadline == math.inf
    life.tick(now=100.0)
    assert life.take_step(now=100.0) is Step.NOTHING


def crash_after(life: Life, seconds: float, *, now: float) -> float:
    """Start it, let it live for `seconds`; the delay until the next start."""
    assert life.take_step(now=now) is Step.START
    life.exited(1, now=now + seconds)
    delay = life.retry_at - now - seconds
    life.tick(now=life.retry_at)
    return delay


def test_it_is_tried_for_ever_and_ever_less_often() -> None:
    life = unborn()
    delays = [crash_after(life, 0.0, now=1_000.0) for _ in range(3_000)]
    assert delays[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 48.0, 48.0]
    assert life.restarts == 3_000


@pytest.mark.parametrize(("seconds", "delay"), [(STEADY - 0.001, 8.0), (STEADY, 1.0)])
def test_a_minute_of_life_makes_up_for_earlier_failures(seconds: float, delay: float) -> None:
    life = unborn()
    for _ in range(3):
        crash_after(life, 0.0, now=1_000.0)
    assert crash_after(life, seconds, now=2_000.0) == pytest.approx(delay)


def test_an_operators_start_makes_up_for_earlier_failures() -> None:
    life = unborn()
    for _ in range(3):
        crash_after(life, 0.0, now=1_000.0)
    assert life.take_step(now=1_000.0) is Step.START
    life.exited(1, now=1_000.0)
    life.start()
    assert life.restarts == 0
    assert crash_after(life, 0.0, now=2_000.0) == 1.0


@pytest.mark.parametrize("failures", [1, 2, 5, 6, 7, 10_000])
def test_delays_are_spread_between_1_and_60_seconds(failures: int) -> None:
    least, most = retry_delay(failures, spread=0.0), retry_delay(failures, spread=1.0)
    assert 1.0 <= least < most <= 60.0
    assert most == 1.25 * least
