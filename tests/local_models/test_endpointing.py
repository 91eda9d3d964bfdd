from __future__ import annotations

import pytest

from local_models.endpointing import Change, Endpointing, EndpointingLimits
from local_models.vad import WINDOW

LIMITS = EndpointingLimits(
    onset=0.064, lead=0.32, silence=0.256, hint=0.096, patience=3.2, longest=6.4
)  # 2, 10, 8, 3, 100 and 200 windows
QUIET, SPEECH, UNSURE = 0.1, 0.9, 0.4


def play(*probabilities: tuple[float, int]) -> list[tuple[int, str]]:
    """Each change, with the number of windows heard when it came."""
    endpointing = Endpointing(LIMITS)
    changes: list[tuple[int, str]] = []
    n_windows = 0
    for probability, count in probabilities:
        for _ in range(count):
            n_windows += 1
            change = endpointing.push(probability)
            if change is not None:
                changes.append((n_windows, change.value))
    return changes


@pytest.mark.parametrize(
    ("probabilities", "changes"),
    [
        pytest.param([(QUIET, 500)], [], id="silence"),
        pytest.param([(SPEECH, 1), (QUIET, 50)], [], id="a click is not speech"),
        pytest.param([(SPEECH, 1), (QUIET, 1)] * 50, [], id="many clicks are not speech"),
        pytest.param([(UNSURE, 50)], [], id="unsure is not speech"),
        pytest.param([(QUIET, 5), (SPEECH, 2)], [(7, "started")], id="the onset, at its second window"),
        pytest.param([(SPEECH, 10), (QUIET, 2)], [(2, "started")], id="just before the hint"),
        pytest.param([(SPEECH, 10), (QUIET, 3)], [(2, "started"), (13, "paused")], id="at the hint"),
        pytest.param([(SPEECH, 10), (QUIET, 7)], [(2, "started"), (13, "paused")], id="just before the end"),
        pytest.param(
            [(SPEECH, 10), (QUIET, 8)], [(2, "started"), (13, "paused"), (18, "ended")], id="at the end"
        ),
        pytest.param(
            [(SPEECH, 10), (QUIET, 7), (SPEECH, 1)],
            [(2, "started"), (13, "paused"), (18, "resumed")],
            id="a pause between words",
        ),
        pytest.param(
            [(SPEECH, 10), (QUIET, 2), (UNSURE, 6)],
            [(2, "started"), (13, "paused"), (18, "ended")],
            id="unsure does not end a silence",
        ),
        pytest.param([(SPEECH, 10), (UNSURE, 50)], [(2, "started")], id="unsure does not begin a silence"),
        pytest.param(
            [(SPEECH, 99), (QUIET, 3)],
            [(2, "started"), (102, "cut")],
            id="after much speech a short pause is enough",
        ),
        pytest.param([(SPEECH, 200)], [(2, "started"), (200, "cut")], id="speech without a pause is cut"),
        pytest.param(
            [(SPEECH, 99), (QUIET, 8)],
            [(2, "started"), (102, "cut"), (103, "paused"), (107, "ended")],
            id="the end after a cut",
        ),
        pytest.param(
            [(SPEECH, 5), (QUIET, 8), (SPEECH, 2)],
            [(2, "started"), (8, "paused"), (13, "ended"), (15, "started")],
            id="a second turn",
        ),
    ],
)
def test_changes(probabilities: list[tuple[float, int]], changes: list[tuple[int, str]]) -> None:
    assert play(*probabilities) == changes


def test_a_piece_begins_a_lead_before_its_onset() -> None:
    endpointing = Endpointing(LIMITS)
    for probability in [QUIET] * 20 + [SPEECH] * 2:
        endpointing.push(probability)
    assert endpointing.start == (20 - 10) * WINDOW


def test_the_lead_does_not_reach_into_the_piece_before() -> None:
    endpointing = Endpointing(LIMITS)
    for probability in [SPEECH] * 5 + [QUIET] * 8 + [SPEECH] * 2:
        endpointing.push(probability)
    assert endpointing.start == 13 * WINDOW


def test_speech_ends_with_its_last_window() -> None:
    endpointing = Endpointing(LIMITS)
    changes = [endpointing.push(probability) for probability in [SPEECH] * 10 + [QUIET] * 8]
    assert changes[-1] is Change.ENDED
    assert endpointing.speech_end == 10 * WINDOW


def test_asked_for_the_end_it_begins_anew_from_there() -> None:
    endpointing = Endpointing(LIMITS)
    for _ in range(5):
        endpointing.push(SPEECH)
    assert endpointing.end(now=5 * WINDOW + 100)
    assert not endpointing.end(now=5 * WINDOW + 100)
    assert [endpointing.push(SPEECH) for _ in range(2)] == [None, Change.STARTED]
    assert endpointing.start == 5 * WINDOW + 100


def test_silent_is_known_before_a_pause_is() -> None:
    endpointing = Endpointing(LIMITS)
    assert endpointing.is_silent
    for _ in range(5):
        endpointing.push(SPEECH)
    assert not endpointing.is_silent
    endpointing.push(QUIET)
    assert endpointing.is_silent
    assert not endpointing.is_paused
