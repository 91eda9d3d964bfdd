"""What was measured in sessions and what happened in them, in the database."""

from __future__ import annotations

import dataclasses

import pytest

from registry.session_records import Timed
from registry.store import Store
from tests.registry.store.samples import NOW
from tests.registry.store.session_samples import FULL_TURN, happening, session, turn
from tests.registry.store.test_sessions import SECOND, said
from tests.registry.store.test_store import HOSTILE
from wire import Delays


def test_a_turn_comes_back_with_its_times(store: Store) -> None:
    for field in dataclasses.fields(FULL_TURN):
        if field.name != "is_kept":
            assert getattr(FULL_TURN, field.name) not in (field.default, None)
    store.sessions.report(session(), [FULL_TURN])
    assert store.sessions.turns("s1", limit=9) == [FULL_TURN]


def test_only_its_own_turns_may_be_asked_for(store: Store) -> None:
    store.sessions.report(session("one"), [turn(0, "one")])
    store.sessions.report(session("two", resumes="one"), [turn(0, "two")])
    assert said(store.sessions.turns("two", limit=9, with_earlier=False)) == [("two", 0)]


# -- what happened


def test_events_are_kept_once_and_in_their_order(store: Store) -> None:
    assert store.sessions.events("s1") == []
    assert store.sessions.happened("s1", [happening(0), happening(1, text="as it was")]) == 2
    assert store.sessions.happened("s1", [happening(1, text="other"), happening(3)]) == 2
    assert store.sessions.happened("s1", [happening(2)]) == 4
    store.sessions.happened("other", [happening(0, "other")])
    kept = store.sessions.events("s1")
    assert [event.number for event in kept] == [0, 1, 2, 3]
    assert kept[1] == happening(1, text="as it was")


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_of_an_event_is_kept(store: Store, text: str) -> None:
    assert store.sessions.happened(text, [happening(0, text, text=text)]) == 1
    assert store.sessions.events(text) == [happening(0, text, text=text)]


@pytest.mark.parametrize("bad", ["\0", "\ud800"], ids=["nul", "surrogate"])
def test_an_event_that_cannot_be_held_loses_no_other(store: Store, bad: str) -> None:
    assert (
        store.sessions.happened(f"s{bad}", [happening(0, f"s{bad}"), happening(1, f"s{bad}", text=bad)]) == 2
    )
    assert [event.text for event in store.sessions.events(f"s{bad}")] in (["", bad], ["", "\ufffd"])


def test_events_go_with_their_session_and_not_with_its_texts(store: Store) -> None:
    for name, heard_at in {"old": NOW - SECOND, "new": NOW}.items():
        store.sessions.report(session(name, heard_at=heard_at), [])
        store.sessions.happened(name, [happening(0, name)])
    assert store.sessions.prune(NOW, turns_before=NOW + SECOND) == 2
    assert (store.sessions.events("old"), len(store.sessions.events("new"))) == ([], 1)


def test_what_was_measured_of_an_agent_is_found(store: Store) -> None:
    delays = Delays(total=0.5)
    times = [
        dataclasses.replace(turn(number, at=NOW + number * SECOND), delays=delays) for number in range(3)
    ]
    store.sessions.report(session("s1", agent_id="ada", first_audio=0.7), [*times, turn(3)])
    old = session("old", agent_id="ada", started_at=NOW - SECOND, first_audio=9.0)
    store.sessions.report(old, [dataclasses.replace(times[0], session_id="old")])
    store.sessions.report(session("other", agent_id="eve", first_audio=8.0), [])
    store.sessions.report(session("silent", agent_id="ada"), [])
    found = store.sessions.times("ada", since=NOW, limit=99)
    assert found == ([Timed(NOW + n * SECOND, delays) for n in (2, 1, 0)], [(NOW, 0.7)])
    assert len(store.sessions.times("ada", since=NOW, limit=2)[0]) == 2
    assert store.sessions.times("a\0b", since=NOW, limit=9) == ([], [])


def test_the_newest_measurements_of_a_busy_agent_are_found(store: Store) -> None:
    delays = Delays(total=0.5)
    for number in range(6):
        at = NOW + number * 10 * SECOND
        said = [
            dataclasses.replace(turn(n, f"s{number}", at=at + n * SECOND), delays=delays) for n in range(4)
        ]
        store.sessions.report(session(f"s{number}", agent_id="ada", started_at=at), said)
    found, _ = store.sessions.times("ada", since=NOW, limit=6)
    assert [(one.at - NOW) / SECOND for one in found] == [53, 52, 51, 50, 43, 42]
