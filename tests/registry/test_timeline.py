"""A session as a picture: places in percent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.session_records import EventRow, SessionRow, TurnRow
from registry.timeline import MOST_SEGMENTS, Segment, Timeline, timeline

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def turn(number: int, start: float | None, duration: float | None = 1.0, **fields: Any) -> TurnRow:
    whole: dict[str, Any] = {"session_id": "one", "role": "user", "at": after(50)}
    return TurnRow(number=number, text="x", started=start, duration=duration, **(whole | fields))


def drawn(
    turns: list[TurnRow] | None = None, events: dict[float, str] | None = None, *, lasts: float | None = 100
) -> Timeline:
    row = SessionRow(
        id="one", row_id="7", agent_id="7", room="r", started_at=BEGAN, heard_at=BEGAN,
        ended_at=None if lasts is None else after(lasts),
    )  # fmt: skip
    rows = [
        EventRow(session_id="one", number=number, kind=kind, text="", at=after(at))
        for number, (at, kind) in enumerate((events or {}).items())
    ]
    return timeline(row, turns or [], rows, now=after(200))


def test_who_spoke_when() -> None:
    found = drawn([turn(0, 10, 5), turn(1, 20, 10, role="assistant"), turn(2, 0, session_id="earlier")])
    assert (found.human_speech, found.agent_speech) == ([Segment(10, 5)], [Segment(20, 10)])


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (turn(0, None, None), Segment(49, 1)),
        (turn(0, None, 4.0), Segment(46, 4)),
        (turn(0, 10, None), Segment(10, 1)),
        (turn(0, 99, 50), Segment(99, 1)),
        (turn(0, 500, 1), Segment(99.8, 0.2)),
        (turn(0, 10, 0.001), Segment(10, 0.2)),
    ],
    ids=["no times", "no start", "no length", "too long", "too late", "very short"],
)
def test_a_turn_is_drawn_whatever_is_known_of_it(one: TurnRow, expected: Segment) -> None:
    assert drawn([one]).human_speech == [expected]


@pytest.mark.parametrize(
    ("events", "humans", "grace"),
    [
        ({}, [], []),
        ({10: "human_came"}, [Segment(10, 90)], []),
        ({10: "human_came", 20: "human_came", 30: "human_left"}, [Segment(10, 90)], []),
        (
            {10: "human_came", 40: "human_left", 40.5: "grace_began"},
            [Segment(10, 30.5)],
            [Segment(40.5, 59.5)],
        ),
        (
            {10: "human_came", 40: "grace_began", 50: "human_came", 50.1: "grace_ended"},
            [Segment(10, 30), Segment(50, 50)],
            [Segment(40, 10)],
        ),
        ({10: "human_came", 40: "grace_began", 60: "grace_ended"}, [Segment(10, 30)], [Segment(40, 20)]),
        ({40: "grace_began"}, [], [Segment(40, 60)]),
    ],
)
def test_when_humans_were_there(
    events: dict[float, str], humans: list[Segment], grace: list[Segment]
) -> None:
    found = drawn(events=events)
    assert (found.humans, found.grace) == (humans, grace)


def test_a_session_that_goes_on_ends_now() -> None:
    found = drawn(events={20: "note"}, lasts=None)
    assert (found.seconds, found.events[0].place) == (200, 10)


def test_a_session_without_length_is_drawn() -> None:
    found = drawn([turn(0, 0, 9)], {0: "human_came"}, lasts=0)
    assert found.human_speech == [Segment(0, 100)]
    assert found.axis[0].text == "0:00"


def test_a_night_of_talk_is_few_pieces() -> None:
    turns = [turn(number, number * 10.0, 1.0) for number in range(4_000)]
    found = drawn(turns, lasts=40_000)
    assert len(found.human_speech) <= MOST_SEGMENTS
    assert found.human_speech[0].start == 0
    last = found.human_speech[-1]
    assert last.start + last.width == pytest.approx(100, abs=0.3)


@pytest.mark.parametrize(
    ("lasts", "texts"),
    [
        (5, ["0:00", "0:01", "0:02", "0:03", "0:04", "0:05"]),
        (90, ["0:00", "0:15", "0:30", "0:45", "1:00", "1:15", "1:30"]),
        (3_000, ["0:00", "10:00", "20:00", "30:00", "40:00", "50:00"]),
        (7_200, ["0:00", "30:00", "1:00:00", "1:30:00", "2:00:00"]),
    ],
)
def test_the_axis_has_about_five_marks(lasts: float, texts: list[str]) -> None:
    assert [mark.text for mark in drawn(lasts=lasts).axis] == texts


def test_even_a_session_of_weeks_has_an_axis() -> None:
    assert 2 < len(drawn(lasts=40 * 86_400).axis) <= 24
