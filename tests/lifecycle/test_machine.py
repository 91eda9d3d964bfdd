"""Every transition and every deadline: just before, at, and after."""

import math

import pytest

from lifecycle.machine import CloseReason, Phase, RoomLife, RoomLimits

LIMITS = RoomLimits()


def room_in(phase: Phase, *, now: float = 0.0, limits: RoomLimits = LIMITS) -> RoomLife:
    """A room that entered `phase` at `now`."""
    room = RoomLife(limits, now=now - limits.absence_delay if phase is Phase.GRACE_PERIOD else now)
    if phase in {Phase.ACTIVE, Phase.GRACE_PERIOD}:
        room.roster(1, now=now)
    if phase is Phase.GRACE_PERIOD:
        room.roster(0, now=now)
        room.tick(now=now + limits.absence_delay)
    assert room.phase is phase
    return room


def test_it_starts_without_humans() -> None:
    room = RoomLife(LIMITS, now=100)
    assert (room.phase, room.close_reason, room.deadline) == (Phase.STARTING, None, 220)


def test_a_human_makes_it_active() -> None:
    room = room_in(Phase.STARTING)
    room.roster(1, now=119)
    assert room.phase is Phase.ACTIVE
    assert room.phase_since == 119
    assert room.deadline == 43_200


@pytest.mark.parametrize(
    ("now", "over"),
    [
        pytest.param(119.999, False, id="just before"),
        pytest.param(120.0, True, id="at"),
        pytest.param(500.0, True, id="after"),
    ],
)
def test_nobody_joined(now: float, over: bool) -> None:
    room = room_in(Phase.STARTING)
    room.tick(now=now)
    assert room.needs_confirmation is over
    room.confirmed(0, now=now)
    assert room.close_reason is (CloseReason.NEVER_JOINED if over else None)


@pytest.mark.parametrize(
    ("now", "phase"),
    [
        pytest.param(10.499, Phase.ACTIVE, id="just before"),
        pytest.param(10.5, Phase.GRACE_PERIOD, id="at"),
        pytest.param(40.0, Phase.GRACE_PERIOD, id="after"),
    ],
)
def test_an_empty_roster_is_believed_after_half_a_second(now: float, phase: Phase) -> None:
    room = room_in(Phase.ACTIVE)
    room.roster(0, now=10)
    assert room.deadline == 10.5
    room.tick(now=now)
    assert room.phase is phase


def test_the_grace_counts_from_the_moment_the_roster_emptied() -> None:
    room = room_in(Phase.ACTIVE)
    room.roster(0, now=10)
    room.tick(now=12)
    assert (room.phase, room.phase_since, room.grace_ends_at, room.deadline) == (
        Phase.GRACE_PERIOD,
        10,
        70,
        70,
    )


def test_a_roster_that_blinks_is_no_absence() -> None:
    room = room_in(Phase.ACTIVE)
    room.roster(0, now=10)
    room.roster(1, now=10.05)
    room.tick(now=11)
    assert room.phase is Phase.ACTIVE
    assert room.phase_since == 0


@pytest.mark.parametrize(
    ("now", "over"),
    [
        pytest.param(59.999, False, id="just before"),
        pytest.param(60.0, True, id="at"),
        pytest.param(900.0, True, id="after"),
    ],
)
def test_the_grace_period_ends(now: float, over: bool) -> None:
    room = room_in(Phase.GRACE_PERIOD)
    room.tick(now=now)
    assert room.needs_confirmation is over
    room.confirmed(0, now=now)
    assert room.close_reason is (CloseReason.HUMANS_LEFT if over else None)


def test_a_return_at_59_seconds_keeps_the_agent() -> None:
    room = room_in(Phase.GRACE_PERIOD)
    room.roster(1, now=59)
    room.tick(now=61)
    assert (room.phase, room.close_reason) == (Phase.ACTIVE, None)
    assert room.grace_ends_at is None


def test_a_repeated_empty_roster_does_not_restart_anything() -> None:
    room = room_in(Phase.ACTIVE)
    for now in (10.0, 10.2, 10.4):
        room.roster(0, now=now)
    room.tick(now=10.5)
    room.roster(0, now=40)
    assert room.grace_ends_at == 70


def test_a_grace_shorter_than_the_delay_ends_with_the_delay() -> None:
    room = room_in(Phase.ACTIVE, limits=RoomLimits(grace_period=0))
    room.roster(0, now=10)
    room.tick(now=10.5)
    assert room.needs_confirmation


def test_livekits_list_knows_a_human_so_the_agent_stays_and_looks_again() -> None:
    room = room_in(Phase.GRACE_PERIOD)
    room.tick(now=60)
    room.confirmed(1, now=60.2)
    assert (room.phase, room.needs_confirmation, room.deadline) == (Phase.GRACE_PERIOD, False, 65.2)
    room.tick(now=65.2)
    room.confirmed(0, now=65.3)
    assert room.close_reason is CloseReason.HUMANS_LEFT


def test_without_livekits_list_the_roster_decides_the_third_time() -> None:
    room = room_in(Phase.GRACE_PERIOD)
    for now in (60.0, 61.0):
        room.tick(now=now)
        room.confirmed(None, now=now)
        assert room.close_reason is None
        assert room.deadline == now + 1
    room.tick(now=62)
    room.confirmed(None, now=62)
    assert room.close_reason is CloseReason.HUMANS_LEFT


def test_a_human_who_comes_while_livekit_is_asked_keeps_the_agent() -> None:
    room = room_in(Phase.GRACE_PERIOD)
    room.tick(now=60)
    room.roster(1, now=60.1)
    room.confirmed(0, now=60.2)
    assert (room.phase, room.close_reason) == (Phase.ACTIVE, None)


def test_an_answer_nobody_asked_for_changes_nothing() -> None:
    room = room_in(Phase.GRACE_PERIOD)
    room.confirmed(0, now=10)
    assert (room.phase, room.close_reason) == (Phase.GRACE_PERIOD, None)


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.ACTIVE, Phase.GRACE_PERIOD])
@pytest.mark.parametrize(
    ("after", "over"),
    [
        pytest.param(299.999, False, id="just before"),
        pytest.param(300.0, True, id="at"),
        pytest.param(301.0, True, id="after"),
    ],
)
def test_300_seconds_without_livekit_end_any_phase(phase: Phase, after: float, over: bool) -> None:
    room = room_in(phase)
    room.disconnected(now=20)
    assert room.deadline == 320
    room.tick(now=20 + after)
    assert room.close_reason is (CloseReason.DISCONNECTED if over else None)


def test_the_count_is_frozen_while_disconnected() -> None:
    room = room_in(Phase.ACTIVE)
    room.disconnected(now=20)
    room.roster(0, now=21)
    room.tick(now=100)
    assert room.phase is Phase.ACTIVE


def test_a_full_reconnect_that_empties_the_roster_first_starts_no_grace() -> None:
    room = room_in(Phase.ACTIVE)
    room.roster(0, now=20)
    room.disconnected(now=20.01)
    room.tick(now=21)
    room.reconnected(now=23)
    room.tick(now=23)
    room.roster(1, now=23)
    room.tick(now=30)
    assert (room.phase, room.phase_since) == (Phase.ACTIVE, 0)


def test_a_grace_goes_on_from_where_it_stood() -> None:
    room = room_in(Phase.GRACE_PERIOD)
    room.disconnected(now=20)
    room.disconnected(now=25)  # twice: the first time counts
    assert room.deadline == 320
    room.reconnected(now=50)
    room.reconnected(now=51)
    assert room.grace_ends_at == 90


def test_the_wait_for_the_first_human_goes_on_from_where_it_stood() -> None:
    room = room_in(Phase.STARTING)
    room.disconnected(now=100)
    room.reconnected(now=200)
    assert room.deadline == 220


def test_a_question_is_dropped_when_livekit_goes_and_asked_again_when_it_is_back() -> None:
    room = room_in(Phase.GRACE_PERIOD)
    room.tick(now=60)
    room.disconnected(now=60.1)
    room.confirmed(0, now=60.2)
    assert room.close_reason is None
    room.reconnected(now=70)
    room.tick(now=room.deadline)
    assert room.needs_confirmation


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.ACTIVE, Phase.GRACE_PERIOD])
def test_no_call_is_longer_than_the_longest(phase: Phase) -> None:
    limits = RoomLimits(max_session=50)
    room = room_in(phase, now=0.5, limits=limits)
    start = 0.0 if phase is Phase.GRACE_PERIOD else 0.5
    room.tick(now=start + 49.999)
    assert room.close_reason is None
    room.tick(now=start + 50)
    assert room.close_reason is CloseReason.MAX_SESSION


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.ACTIVE, Phase.GRACE_PERIOD])
@pytest.mark.parametrize("reason", CloseReason)
def test_any_phase_can_be_closed_from_outside(phase: Phase, reason: CloseReason) -> None:
    room = room_in(phase)
    room.close(reason, now=30)
    assert (room.phase, room.close_reason, room.phase_since) == (Phase.CLOSING, reason, 30)


def test_closing_is_terminal_and_the_first_reason_counts() -> None:
    room = room_in(Phase.ACTIVE)
    room.close(CloseReason.OPERATOR, now=5)
    room.close(CloseReason.DUPLICATE, now=6)
    room.roster(1, now=7)
    room.disconnected(now=8)
    room.reconnected(now=9)
    room.confirmed(1, now=9)
    room.tick(now=math.inf)
    assert (room.phase, room.close_reason, room.deadline) == (Phase.CLOSING, CloseReason.OPERATOR, math.inf)


def test_only_failures_are_errors() -> None:
    assert {reason for reason in CloseReason if reason.is_error} == {
        CloseReason.FAILED,
        CloseReason.PIPELINE_ENDED,
    }
