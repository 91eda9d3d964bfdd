"""How an agent is, from what is known of it and the registry's clock. Pure.

Rule: every judgement lives in `judge`. Facts are written down by `fleet.py` as they come; nothing here waits, and
nothing is remembered between two judgements but the facts.

    beats come ──► running / what the agent says ──line breaks──► suspect (warning) ──1.5 s──► offline
                        ▲                        ──no beat for `ttl`────────────────────────► offline
                        └── two good beats ◄── warning ◄── one beat ◄──────────────────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from registry.records import Forced, Reason, Status
from wire import Beat, Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, all of the registry's clock."""

    ttl: float = 25.0
    """Without a beat until an agent is offline. Two beats of 10 s may be lost, and one may be late."""

    interval: float = 10.0
    """Between two beats, as the registry asks for it."""

    line_grace: float = 1.5
    """From a line's break until offline. A healthy agent opens a new line in a fraction of it."""

    restart_grace: float = 40.0
    """After the registry's start until an agent that was known before counts as offline. Longer than a sender's
    longest pause between two tries (30 s) by one beat."""

    visible: float = 600.0
    """That an agent which is over stays on the page."""

    error_memory: float = 300.0
    """That an error takes points."""

    lag_warning: float = 1.0
    """Lateness of a main loop that is worth a word."""

    stalled: float = 3.0
    """Lateness of a main loop from which the agent counts as stalled."""

    stalled_badly: float = 10.0
    """Lateness of a main loop from which the agent does not do its work."""


@dataclass(slots=True, kw_only=True)
class Facts:
    """What is known of one agent. Moments are seconds of the registry's monotonic clock."""

    beat: Beat
    heard_at: float
    """When the last beat came; of an agent known from the database only, when the registry started."""

    is_restored: bool = False
    """Known from the database only: it has not been heard since the registry started."""

    is_on_line: bool = False
    line_broken_at: float | None = None
    """When its line broke without a goodbye; None = it did not, or a new one is open."""

    line_end: str = ""
    """How it broke, in words."""

    excused_until: float = -math.inf
    """Until when its silence means nothing: the registry itself could not hear it."""

    is_doubted: bool = False
    """It was suspect or offline, and too few good beats have come since."""

    gone: str | None = None
    """Why its process is known to be gone; None = it is not known to be."""

    inactive: str | None = None
    """Who says that it does nothing, in words."""

    error_at: float | None = None
    forced: Forced | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    status: Status
    health: int | None
    """0 to 100; None = nobody knows."""

    reasons: tuple[Reason, ...]
    """They add up to what is missing from 100."""

    cause: str | None
    """Why it is stopped, offline, unknown or suspect."""

    due_at: float
    """When this verdict may change although nothing happens; infinite = never."""

    is_suspect: bool = False
    is_late: bool = False
    """Its next beat should have come by now."""

    is_silent: bool = False
    """Offline for want of beats, and not because anybody saw the process end. A registry that is cut off sees this."""


_OF_STATUS = {Said.WARNING: 25, Said.ERROR: 60}
"""Points that an agent's own word takes."""

HEALTHY = 80
"""Least health of an agent that is simply running."""


def judge(facts: Facts, *, now: float, limits: Limits, is_cut_off: bool = False) -> Verdict:
    """How the agent is at `now`.

    Args:
        is_cut_off: Many agents fell silent at once, so silence says nothing about one of them.
    """
    verdict = _judge(facts, now, limits, is_cut_off)
    forced = facts.forced
    if forced is None:
        return verdict
    health = verdict.health if forced.health is None else forced.health
    lost = 100 - (health or 0)
    return Verdict(
        status=forced.status,
        health=health,
        reasons=(Reason(points=lost, text=f"forced by {forced.by}: {forced.reason}"),) if lost else (),
        cause=f"forced by {forced.by}: {forced.reason}",
        due_at=verdict.due_at,
    )


def _judge(facts: Facts, now: float, limits: Limits, is_cut_off: bool) -> Verdict:
    beat = facts.beat
    if beat.status is Said.STOPPED:
        return _over(Status.STOPPED, f"it stopped: {beat.reason}" if beat.reason else "it stopped")
    if facts.gone is not None:
        return _over(Status.OFFLINE, facts.gone)
    if facts.is_restored:
        return _restored(facts, now, limits, is_cut_off)
    silence = _silence(facts, now, limits)
    if silence is None:
        return _alive(facts, now, limits)
    if silence.is_guess and is_cut_off:
        return _unknown(
            f"{silence.text}, but many agents fell silent at once: the registry may be cut off",
            now + LOOK_AGAIN,
        )
    return _over(Status.OFFLINE, silence.text, is_silent=silence.is_guess)


def _restored(facts: Facts, now: float, limits: Limits, is_cut_off: bool) -> Verdict:
    due_at = facts.heard_at + max(limits.restart_grace, ttl_of(facts.beat, limits))
    if now >= due_at:
        text = "not heard since the registry started"
        if is_cut_off:
            return _unknown(f"{text}, like many others: the registry may be cut off", now + LOOK_AGAIN)
        return _over(Status.OFFLINE, text, is_silent=True)
    return _unknown("the registry has just started and waits for its beats", due_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Silence:
    text: str
    is_guess: bool
    """Nobody saw the process end; it may be the network, on its side or on ours."""


def offline_at(facts: Facts, limits: Limits) -> float:
    """When the agent is offline, if nothing more comes of it."""
    at = facts.heard_at + ttl_of(facts.beat, limits)
    if facts.line_broken_at is not None:
        at = min(at, facts.line_broken_at + limits.line_grace)
    return max(at, facts.excused_until)


def _silence(facts: Facts, now: float, limits: Limits) -> _Silence | None:
    """Why the agent is offline; None when it is not."""
    if now < facts.excused_until:
        return None
    if facts.line_broken_at is not None and now >= facts.line_broken_at + limits.line_grace:
        return _Silence(
            text=f"its line broke without a goodbye ({facts.line_end}), and no new one came",
            is_guess=facts.line_end == TIMED_OUT,
        )
    ttl = ttl_of(facts.beat, limits)
    if now >= facts.heard_at + ttl:
        return _Silence(text=f"no beat for {ttl:g} s", is_guess=True)
    return None


LOOK_AGAIN = 60.0
"""Seconds until agents that nobody can know of are judged anew."""


def ttl_of(beat: Beat, limits: Limits) -> float:
    """Seconds without a beat until the agent is offline. A sender with a longer interval of its own gets longer."""
    return limits.ttl if beat.interval is None else max(limits.ttl, 2.5 * beat.interval)


TIMED_OUT = "its host or the network does not answer"
"""`Facts.line_end` of a line on which pings were not answered: silence, and no sign of the process."""

PING_TIMEOUT = 4.0
"""Seconds until a ping on a line counts as unanswered: a line that timed out has been silent for as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complaint:
    points: int
    text: str
    begins_at: float = -math.inf
    ends_at: float = math.inf


def _alive(facts: Facts, now: float, limits: Limits) -> Verdict:
    complaints = list(_complaints(facts, limits))
    reasons = _capped([one for one in complaints if one.begins_at <= now < one.ends_at])
    health = 100 - sum(reason.points for reason in reasons)
    due_at = offline_at(facts, limits)
    for complaint in complaints:
        due_at = min([due_at, *(at for at in (complaint.begins_at, complaint.ends_at) if at > now)])
    is_suspect = facts.line_broken_at is not None
    return Verdict(
        status=_status(facts, health, limits, is_suspect=is_suspect),
        health=health,
        reasons=reasons,
        cause=_suspicion(facts) if is_suspect else None,
        due_at=due_at,
        is_suspect=is_suspect,
        is_late=now >= facts.heard_at + late_after(facts.beat, limits),
    )


def _status(facts: Facts, health: int, limits: Limits, *, is_suspect: bool) -> Status:
    status = Status(facts.beat.status.value)
    lag = lag_class(facts.beat.loop_lag, limits)
    if lag == STALLED_BADLY:
        return Status.ERROR
    if is_suspect and status is not Status.ERROR:
        return Status.WARNING
    if status is Status.RUNNING and (health < HEALTHY or lag == STALLED or facts.is_doubted):
        return Status.WARNING
    return status


def _complaints(facts: Facts, limits: Limits) -> Iterator[_Complaint]:
    """Whatever takes points from an agent that is heard, now or later."""
    beat = facts.beat
    points = _OF_STATUS.get(beat.status)
    if points is not None:
        yield _Complaint(points=points, text=beat.reason or f"it says that its status is {beat.status.value}")
    for hint in beat.hints:
        yield _Complaint(points=hint.points, text=hint.text)
    if facts.error_at is not None and beat.last_error:
        yield _Complaint(
            points=15,
            text=f"a recent error: {_short(beat.last_error)}",
            ends_at=facts.error_at + limits.error_memory,
        )
    lag = lag_class(beat.loop_lag, limits)
    if lag:
        yield _LAGS[lag]
    yield _Complaint(points=20, text="its beat is late", begins_at=facts.heard_at + late_after(beat, limits))
    if beat.call is not None and beat.call.phase == "grace_period" and beat.call.grace_left is not None:
        yield _Complaint(
            points=30,
            text="it is alone in its room, and past its grace period",
            begins_at=facts.heard_at + beat.call.grace_left + 10.0,
        )
    if facts.inactive is not None:
        yield _Complaint(points=30, text=facts.inactive)
    if facts.line_broken_at is not None:
        yield _Complaint(points=50, text=_suspicion(facts))
    elif facts.is_doubted:
        yield _Complaint(points=25, text="heard again after a silence; the next good beat settles it")


def _suspicion(facts: Facts) -> str:
    return f"suspect: its line broke without a goodbye ({facts.line_end})"


def late_after(beat: Beat, limits: Limits) -> float:
    """Seconds after a beat from which the next one is late: one and a half intervals and a second."""
    return 1.5 * max(limits.interval, beat.interval or 0.0) + 1.0


STALLED = 2
STALLED_BADLY = 3

_LAGS = {
    1: _Complaint(points=15, text="its main loop is late"),
    STALLED: _Complaint(points=50, text="stalled: its main loop is blocked"),
    STALLED_BADLY: _Complaint(points=90, text="stalled: its main loop has been blocked for long"),
}


def lag_class(loop_lag: float | None, limits: Limits) -> int:
    """How bad a main loop's lateness is: 0 not, 1 late, then `STALLED`, `STALLED_BADLY`.

    Only a change of it deserves a new judgement.
    """
    if loop_lag is None or loop_lag < limits.lag_warning:
        return 0
    return 1 + (loop_lag >= limits.stalled) + (loop_lag >= limits.stalled_badly)


def _capped(complaints: list[_Complaint]) -> tuple[Reason, ...]:
    """As reasons, with no more points in all than there are."""
    left = 100
    reasons = []
    for complaint in complaints:
        points = min(left, complaint.points)
        left -= points
        reasons.append(Reason(points=points, text=complaint.text))
    return tuple(reasons)


def _over(status: Status, cause: str, *, is_silent: bool = False) -> Verdict:
    return Verdict(
        status=status,
        health=0,
        reasons=(Reason(points=100, text=cause),),
        cause=cause,
        due_at=math.inf,
        is_silent=is_silent,
    )


def _unknown(cause: str, due_at: float) -> Verdict:
    return Verdict(
        status=Status.UNKNOWN,
        health=None,
        reasons=(Reason(points=0, text=cause),),
        cause=cause,
        due_at=due_at,
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:120]}…"
