"""A session as a picture over time: who was there, who spoke, what happened. Pure.

Places are in percent of the session's length, so that the page can draw them at any width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.session_records import EventRow, SessionRow, TurnRow

MOST_SEGMENTS = 500
"""Pieces of one lane. What stands so close together that there could be more is drawn as one."""

_LEAST_WIDTH = 0.2
"""Percent; what is shorter could not be seen."""

_GUESSED = 1.0
"""Seconds of a turn of which nobody knows how long it took."""

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800)
"""Seconds between two marks of the axis, of which about five are wanted."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Something that lasted."""

    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment."""

    place: float
    kind: str
    text: str
    """In words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    seconds: float
    """Length of the session so far."""

    humans: Sequence[Segment]
    """When at least one was there."""

    grace: Sequence[Segment]
    """When none was, and the agent waited."""

    human_speech: Sequence[Segment]
    agent_speech: Sequence[Segment]
    events: Sequence[Mark]
    axis: Sequence[Mark]


def timeline(
    session: SessionRow, turns: Iterable[TurnRow], events: Sequence[EventRow], *, now: datetime
) -> Timeline:
    """The picture of a session.

    Args:
        turns: Also of other sessions; only its own count.
        events: Oldest first.
        now: Where a session that goes on ends.
    """
    end = session.ended_at or max(now, session.heard_at)
    length = max(1.0, (end - session.started_at).total_seconds())
    own = [turn for turn in turns if turn.session_id == session.id]
    humans, grace = _presence(session, events, end=length)

    def drawn(spans: Iterable[tuple[float, float]]) -> list[Segment]:
        return _segments(spans, length)

    return Timeline(
        seconds=length,
        humans=drawn(humans),
        grace=drawn(grace),
        human_speech=drawn(span_of(turn, session) for turn in own if turn.role == "user"),
        agent_speech=drawn(span_of(turn, session) for turn in own if turn.role != "user"),
        events=[Mark(_place(since(session, event.at), length), event.kind, event.text) for event in events],
        axis=_axis(length),
    )


def since(session: SessionRow, moment: datetime) -> float:
    """Seconds from the session's beginning."""
    return max(0.0, (moment - session.started_at).total_seconds())


def span_of(turn: TurnRow, session: SessionRow) -> tuple[float, float]:
    """When a turn began and ended, in seconds from the session's beginning. A guess where it was not measured."""
    if turn.started is not None:
        return turn.started, turn.started + (_GUESSED if turn.duration is None else turn.duration)
    ended = since(session, turn.at)
    return max(0.0, ended - (_GUESSED if turn.duration is None else turn.duration)), ended


def _presence(
    session: SessionRow, events: Sequence[EventRow], *, end: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """When humans were there, and when the agent waited for them."""
    humans: list[tuple[float, float]] = []
    grace: list[tuple[float, float]] = []
    here_since: float | None = None
    waits_since: float | None = None
    for event in events:
        at = since(session, event.at)
        if event.kind in ("human_came", "grace_ended") and waits_since is not None:
            grace.append((waits_since, at))
            waits_since = None
        if event.kind == "human_came" and here_since is None:
            here_since = at
        elif event.kind == "grace_began":
            if here_since is not None:
                humans.append((here_since, at))
            here_since, waits_since = None, at
    if here_since is not None:
        humans.append((here_since, end))
    if waits_since is not None:
        grace.append((waits_since, end))
    return humans, grace


def _segments(spans: Iterable[tuple[float, float]], length: float) -> list[Segment]:
    """Spans of seconds in percent, with those together that could not be told apart."""
    gap = 100 / MOST_SEGMENTS
    found: list[tuple[float, float]] = []
    for start, stop in sorted(spans):
        left, right = _place(start, length), _place(stop, length)
        if found and left - found[-1][1] < gap:
            found[-1] = (found[-1][0], max(found[-1][1], right))
        else:
            found.append((left, right))
    return [
        Segment(min(left, 100 - _LEAST_WIDTH), round(max(_LEAST_WIDTH, right - left), 3))
        for left, right in found
    ]


def _axis(length: float) -> list[Mark]:
    step = next((step for step in _STEPS if length / step <= 6), _STEPS[-1])
    return [Mark(_place(second, length), "", _clock(second)) for second in range(0, int(length) + 1, step)][
        :24
    ]


def _clock(seconds: int) -> str:
    """``0:07``, ``12:30``, ``1:00:00``."""
    text = str(timedelta(seconds=seconds))
    return text.removeprefix("0:").removeprefix("0") if seconds < 3_600 else text


def _place(second: float, length: float) -> float:
    return round(min(100.0, max(0.0, 100 * second / length)), 3)
