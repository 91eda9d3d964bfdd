from __future__ import annotations

import dataclasses

import pytest

from registry.store.texts import storable, with_storable_texts
from tests.registry.store.samples import FULL_ROW, agent_saying, change
from tests.registry.store.session_samples import FULL_SESSION, event, profile
from wire import CallFacts, Guest


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("as it is \t\n 👩‍🚀 é", "as it is \t\n 👩‍🚀 é"),
        ("a\0b", "a\ufffdb"),
        ("a\ud83db", "a\ufffdb"),
        ("\ude80", "\ufffd"),
        ("\ud83d\ude80", "🚀"),
        ("", ""),
    ],
    ids=["good", "nul", "first-half", "second-half", "both-halves", "empty"],
)
def test_what_cannot_be_held_is_replaced(text: str, stored: str) -> None:
    assert storable(text) == stored
    assert storable(stored) == stored


def test_a_good_record_stays_as_it_is() -> None:
    assert with_storable_texts(FULL_ROW) == FULL_ROW
    assert with_storable_texts(change()) == change()


def test_a_good_profile_and_good_evidence_stay_as_they_are() -> None:
    seen = dataclasses.replace(event(), evidence={"humans": [{"n": 1, "of": None}]})
    for record in (profile(), seen, FULL_SESSION):
        assert with_storable_texts(record) == record


def test_texts_are_found_wherever_they_are() -> None:
    row = agent_saying(prompt="\0", call=CallFacts(room="r", phase="p", humans=(Guest(identity="\0"),)))
    cleaned = with_storable_texts(dataclasses.replace(row, cause="\0"))
    assert cleaned.cause == cleaned.beat.prompt == "\ufffd"
    assert cleaned.beat.call is not None
    assert cleaned.beat.call.humans == (Guest(identity="\ufffd"),)
