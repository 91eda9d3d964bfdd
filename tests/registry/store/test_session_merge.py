from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from registry.session_records import LOST, SessionRow
from registry.store.session_merge import merged
from tests.registry.store.samples import NOW
from tests.registry.store.session_samples import FULL_SESSION, session

EARLIER = NOW - timedelta(seconds=9)
LATER = NOW + timedelta(seconds=9)

OPEN = session()
ENDED = session(ended_at=NOW, close_reason="humans_left", exit_code=0)
GIVEN_UP = session(ended_at=NOW, close_reason=LOST)


def end_of(row: SessionRow) -> tuple[object, ...]:
    return row.ended_at, row.close_reason, row.exit_code


@pytest.mark.parametrize(
    ("kept", "report", "expected"),
    [
        (OPEN, OPEN, OPEN),
        (OPEN, ENDED, ENDED),
        (ENDED, OPEN, ENDED),
        (ENDED, session(ended_at=LATER, close_reason="operator", exit_code=1), ENDED),
        (ENDED, GIVEN_UP, ENDED),
        (GIVEN_UP, OPEN, OPEN),
        (GIVEN_UP, ENDED, ENDED),
    ],
    ids=[
        "goes-on",
        "ends",
        "late-report",
        "ends-twice",
        "lost-after-its-end",
        "lost-and-goes-on",
        "lost-and-ended-otherwise",
    ],
)
def test_an_end_is_final_unless_it_was_only_thought_of(
    kept: SessionRow, report: SessionRow, expected: SessionRow
) -> None:
    assert end_of(merged(kept, report)) == end_of(expected)


def test_an_exit_code_that_is_told_later_is_taken() -> None:
    without = dataclasses.replace(ENDED, exit_code=None)
    assert merged(without, dataclasses.replace(ENDED, exit_code=1)).exit_code == 1


@pytest.mark.parametrize(
    ("kept", "report", "expected"),
    [
        ({"started_at": NOW}, {"started_at": LATER}, {"started_at": NOW}),
        ({"started_at": NOW}, {"started_at": EARLIER}, {"started_at": EARLIER}),
        ({"heard_at": NOW}, {"heard_at": EARLIER}, {"heard_at": NOW}),
        ({"heard_at": NOW}, {"heard_at": LATER}, {"heard_at": LATER}),
        ({"most_humans": 3}, {"most_humans": 2}, {"most_humans": 3}),
        ({"most_humans": 3}, {"most_humans": 4}, {"most_humans": 4}),
        ({"n_turns": 7}, {"n_turns": 99}, {"n_turns": 7}),
        ({"room_sid": "RM_x"}, {"room_sid": ""}, {"room_sid": "RM_x"}),
        ({"room_sid": "RM_x"}, {"room_sid": "RM_y"}, {"room_sid": "RM_y"}),
        ({"job_id": "AJ_x"}, {"job_id": ""}, {"job_id": "AJ_x"}),
        ({"host": "h"}, {"host": None}, {"host": "h"}),
        ({"resumes": "s0"}, {"resumes": None}, {"resumes": "s0"}),
        ({"usage": ({"n": 1},)}, {"usage": ({"n": 2},)}, {"usage": ({"n": 2},)}),
        ({"usage": ({"n": 1},)}, {"usage": ()}, {"usage": ({"n": 1},)}),
        ({"first_audio": 0.7}, {"first_audio": None}, {"first_audio": 0.7}),
        ({"first_audio": None}, {"first_audio": 0.7}, {"first_audio": 0.7}),
        ({"more_events": 4}, {"more_events": 3}, {"more_events": 4}),
        ({"is_transcribed": True}, {"is_transcribed": False}, {"is_transcribed": False}),
    ],
)
def test_what_is_known_is_not_forgotten(
    kept: dict[str, object], report: dict[str, object], expected: dict[str, object]
) -> None:
    result = merged(
        dataclasses.replace(OPEN, **kept),  # type: ignore[arg-type]
        dataclasses.replace(OPEN, **report),  # type: ignore[arg-type]
    )
    assert {name: getattr(result, name) for name in expected} == expected


def test_the_usage_of_a_report_that_was_overtaken_is_not_taken() -> None:
    kept = dataclasses.replace(ENDED, usage=({"n": 2},))
    assert merged(kept, dataclasses.replace(OPEN, usage=({"n": 1},))).usage == ({"n": 2},)


def test_the_same_report_again_changes_nothing() -> None:
    assert merged(FULL_SESSION, FULL_SESSION) == FULL_SESSION
