"""Turns that the registry has not got yet."""

from __future__ import annotations

import pytest

from session.unsent import MOST_UNSENT, Unsent, unsent_events, unsent_turns
from session.utterance import Utterance
from wire import (
    MAX_EVENTS,
    MAX_REPORT_BYTES,
    MAX_TURN,
    MAX_TURNS,
    Delays,
    SessionReport,
    Turn,
    decode_report,
    encode,
)

Turns = Unsent[tuple[Utterance, float], Turn]


def said(text: str, *, interrupted: bool = False) -> Utterance:
    return Utterance(role="user", text=text, interrupted=interrupted)


def add(turns: Turns, text: str, *, now: float) -> None:
    turns.add((said(text), now), now=now)


def unsent(*texts: str) -> Turns:
    made = unsent_turns(began_at=0.0)
    for second, text in enumerate(texts):
        add(made, text, now=float(second))
    return made


def texts(turns: Turns) -> list[tuple[int, str]]:
    return [(turn.number, turn.text) for turn in turns.batch(now=100)]


def test_turns_are_numbered_and_told_with_their_age() -> None:
    turns = unsent("a", "b").batch(now=10)
    assert [(turn.number, turn.text, turn.age) for turn in turns] == [(0, "a", 10), (1, "b", 9)]


def test_what_was_not_acknowledged_is_sent_again_with_the_same_number_and_what_is_new() -> None:
    turns = unsent("a", "b", "c")
    texts(turns)
    add(turns, "d", now=9)
    assert turns.acknowledge(1)
    assert texts(turns) == [(1, "b"), (2, "c"), (3, "d")]
    assert turns.acknowledge(4)
    assert (len(turns), texts(turns)) == (0, [])


def test_what_came_while_a_report_was_under_way_is_not_acknowledged_with_it() -> None:
    turns = unsent("a")
    texts(turns)
    add(turns, "b", now=1)
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
    add(turns, "c", now=3)
    texts(turns)
    assert turns.acknowledge(0)
    assert len(turns) == 0


def test_the_oldest_go_when_there_are_too_many_and_leave_no_gap() -> None:
    turns = unsent("first")
    texts(turns)
    for number in range(MOST_UNSENT + 10):
        add(turns, str(number), now=1)
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
    events = unsent_events()
    for _ in range(250):
        events.add(("note", text), now=1)
    while batch := turns.batch(now=200):
        happened = events.batch(now=200)
        data = encode(SessionReport(agent_id="7", row_id="7", room="r", turns=batch, events=happened))
        assert len(data) <= MAX_REPORT_BYTES
        taken = decode_report(data)
        assert all(0 < len(turn.text) <= MAX_TURN for turn in taken.turns)
        n_sent += len(batch)
        assert turns.acknowledge(batch[-1].number + 1)
    assert n_sent == 150


def test_a_turn_is_told_with_when_it_began_and_how_long_it_took() -> None:
    turns = unsent_turns(began_at=100.0)
    delays = Delays(total=0.8)
    timed = Utterance(
        role="assistant", text="Yes.", interrupted=False, began_ago=2.0, duration=1.5, delays=delays
    )
    turns.add((timed, 110.0), now=110.0)
    (turn,) = turns.batch(now=115.0)
    assert (turn.started, turn.duration, turn.delays, turn.age) == (8.0, 1.5, delays, 5.0)


def test_what_began_before_the_session_began_with_it() -> None:
    turns = unsent_turns(began_at=100.0)
    turns.add((Utterance(role="user", text="Hi", interrupted=False, began_ago=9.0), 101.0), now=101.0)
    assert turns.batch(now=101.0)[0].started == 0.0


def test_a_text_that_is_not_kept_is_not_in_what_is_sent() -> None:
    turns = unsent_turns(began_at=0.0, keeps_text=False)
    add(turns, "my number is 4711", now=1)
    batch = turns.batch(now=2)
    data = encode(SessionReport(agent_id="7", row_id="7", room="r", turns=batch))
    assert b"4711" not in data
    (turn,) = decode_report(data).turns
    assert (turn.role, turn.text, turn.is_kept) == ("user", "", False)


def test_events_are_numbered_and_sent_again_until_they_are_acknowledged() -> None:
    events = unsent_events()
    events.add(("human_came", "client"), now=1)
    events.add(("note", "a\nline" + "x" * 500), now=2)
    first = events.batch(now=3)
    assert [(one.number, one.kind, one.age) for one in first] == [(0, "human_came", 2), (1, "note", 1)]
    assert first[1].text.startswith("a line")
    assert len(first[1].text) == 200
    assert events.acknowledge(1)
    assert [one.number for one in events.batch(now=3)] == [1]
    assert not events.acknowledge(1)


def test_a_registry_that_keeps_no_events_gets_each_once() -> None:
    events = unsent_events()
    for _ in range(MAX_EVENTS + 1):
        events.add(("note", ""), now=1)
    assert len(events.batch(now=1)) == MAX_EVENTS
    assert events.acknowledge(None)
    assert [one.number for one in events.batch(now=1)] == [MAX_EVENTS]
