"""How a session's record reads."""

from __future__ import annotations

import pytest

from lifecycle import CloseReason
from registry.page.session_words import (
    CLOSE_WORDS,
    clock,
    dollars,
    event_tone,
    event_words,
    retention,
    why_closed,
)
from registry.session_records import LOST
from wire import EVENT_KINDS


def test_every_close_reason_has_words() -> None:
    assert CLOSE_WORDS.keys() == {reason.value for reason in CloseReason} | {LOST}
    assert why_closed("of_a_later_version") == "of a later version"
    assert why_closed(None) == ""


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("human_came", "client; 1 human is there now", "a human came: client; 1 human is there now"),
        ("reconnecting", "", "LiveKit is out of reach"),
        ("closed", "operator", "the session ended: An operator ended it"),
        ("of_a_later_version", "x", "of a later version: x"),
    ],
)
def test_events_in_words(kind: str, text: str, words: str) -> None:
    assert event_words(kind, text) == words


def test_every_event_has_a_tone() -> None:
    tones = {"running", "warning", "error", "stopped", "unknown"}
    assert {event_tone(kind) for kind in [*EVENT_KINDS, "new"]} <= tones


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "$0"), (0.00001, "under $0.0001"), (0.0123, "$0.0123"), (0.1, "$0.10"), (12.345, "$12.35")],
)
def test_money(amount: float, words: str) -> None:
    assert dollars(amount) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00"), (7.9, "0:07"), (750, "12:30"), (3_600, "1:00:00"), (-1, "0:00")]
)
def test_time_since_the_beginning(seconds: float, words: str) -> None:
    assert clock(seconds) == words


@pytest.mark.parametrize(
    ("is_transcribed", "journal_days", "words"),
    [
        (True, 7, "What was said is kept for 7 days after the session."),
        (True, 1, "What was said is kept for 1 day after the session."),
        (True, 99, "What was said is kept for 30 days after the session."),
        (False, 7, "What is said is not kept, as its agent's profile or its host's settings have it."),
        (True, 0, "This registry keeps nothing of what is said (JOURNAL_DAYS is 0)."),
    ],
)
def test_how_long_it_is_kept(is_transcribed: bool, journal_days: int, words: str) -> None:
    told = retention(is_transcribed=is_transcribed, journal_days=journal_days, history_days=30)
    assert told == f"{words} The rest of this page is kept for 30 days after the session."
