"""Turns that the registry has not got yet."""

from __future__ import annotations

import pytest

from session.unsent import MOST_UNSENT, Unsent
from session.utterance import Utterance
from wire import MAX_REPORT_BYTES, MAX_TURN, MAX_TURNS, SessionReport, decode_report, encode


def said(text: str, *, interrupted: bool = False) -> Utterance:
    return Utterance(role="user", text=text, interrupted=interrupted)


def unsent(*texts: str) -> Unsent:
    made = Unsent()
    for second, text in enumerate(texts):
        made.add(said(text), now=float(second))
    return made


def texts(turns: Unsent) -> list[tuple[int, str]]:
    return [(turn.number, turn.text) for turn in turns.batch(now=100)]


def test_turns_are_numbered_and_told_with_their_age() -> None:
    turns = unsent("a", "b").batch(now=10)
    assert [(turn.number, turn.text, turn.age) for turn in turns] == [(0, "a", 10), (1, "b", 9)]


def test_what_was_not_acknowledged_is_sent_again_with_the_same_number_and_what_is_new() -> None:
    turns = unsent("a", "b", "c")
    texts(turns)
    turns.add(said("d"), now=9)
    assert turns.acknowledge(1)
    assert texts(turns) == [(1, "b"), (2, "c"), (3, "d")]
    assert turns.acknowledge(4)
    assert (len(turns), texts(turns)) == (0, [])


def test_what_came_while_a_report_was_under_way_is_not_acknowledged_with_it() -> None:
    turns = unsent("a")
    texts(turns)
    turns.add(said("b"), now=1)
    turns.acknowledge(1_000_000)
    assert texts(turns) == [(1, "b")]


def test_a_registry_that_keeps_nothing_is_found_out() -> None:
    turns = unsent("a")
    texts(turns)
    assert not turns.acknowledge(0)
    assert texts(turns) == [(0, "a")]


def test_a_registry_that_lost_what_it_had_gets_on() -> None:
    turns = unsent("a", "b")
    texts(turns)
    turns.acknowledge(2)
    turns.add(said("c"), now=3)
    texts(turns)
    assert turns.acknowledge(0)
    assert len(turns) == 0


def test_the_oldest_go_when_there_are_too_many_and_leave_no_gap() -> None:
    turns = unsent("first")
    texts(turns)
    for number in range(MOST_UNSENT + 10):
        turns.add(said(str(number)), now=1)
    assert len(turns) == MOST_UNSENT
    batch = texts(turns)
    assert batch[:2] == [(0, "first"), (1, "11")]
    assert [number for number, _ in batch] == list(range(MAX_TURNS))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x" * 20_000, id="long"),
        pytest.param("\x01" * 20_000, id="control characters"),
        pytest.param("\U0001f600" * 20_000, id="wide"),
        pytest.param('"\\\n' * 9_000, id="grows in JSON"),
        pytest.param("\ud800", id="half a character"),
        pytest.param("\x00", id="nothing but NUL"),
    ],
)
def test_every_batch_is_a_report_that_the_registry_takes(text: str) -> None:
    turns = unsent(*[text] * 150)
    n_sent = 0
    while batch := turns.batch(now=200):
        data = encode(SessionReport(agent_id="7", row_id="7", room="r", turns=batch))
        assert len(data) <= MAX_REPORT_BYTES
        taken = decode_report(data)
        assert all(0 < len(turn.text) <= MAX_TURN for turn in taken.turns)
        n_sent += len(batch)
        assert turns.acknowledge(batch[-1].number + 1)
    assert n_sent == 150
