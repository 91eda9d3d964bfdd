"""What happened in rooms is there again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
import sqlalchemy as sa

from registry.session_records import ClosureRow, RoomEvent
from registry.store import Store
from tests.registry.store.samples import NOW
from tests.registry.store.session_samples import closure, event
from tests.registry.store.test_store import HOSTILE

ROOM = "agent-bob-room"
SECOND = timedelta(seconds=1)

EVIDENCE = {
    "humans": ["a", "b"],
    "since": 0.1 + 0.2,
    "nested": {"none": None, "is": True, "n": 2**53},
    "": [],
}


def without_id(found: RoomEvent) -> RoomEvent:
    return dataclasses.replace(found, id=None)


@pytest.mark.parametrize(
    "one",
    [event(), dataclasses.replace(event(), evidence=EVIDENCE, sid="", by="Max", kind="closed")],
    ids=["bare", "full"],
)
def test_an_event_comes_back_as_it_was(store: Store, one: RoomEvent) -> None:
    store.rooms.add_events([one])
    (found,) = store.rooms.events(ROOM, limit=9)
    assert without_id(found) == one
    assert isinstance(found.id, int)


def test_the_newest_event_comes_first_and_pages_meet(store: Store) -> None:
    store.rooms.add_events([event(text=str(number)) for number in range(300)])
    store.rooms.add_events([event("other"), event(text="300", at=NOW - SECOND)])
    store.rooms.add_events([])
    texts: list[str] = []
    before = None
    while page := store.rooms.events(ROOM, limit=77, before=before):
        texts += [one.text for one in page]
        before = page[-1].id
    assert texts == [str(number) for number in range(300, -1, -1)]
    assert store.rooms.events(ROOM, limit=9, before=0) == []
    assert len(store.rooms.events(ROOM, limit=9, before=10**30)) == 9
    assert store.rooms.events("nowhere", limit=9) == []


def test_old_events_go_and_their_ids_do_not_come_again(store: Store) -> None:
    store.rooms.add_events([event(at=NOW), event(at=NOW - timedelta(microseconds=1))])
    old, kept = store.rooms.events(ROOM, limit=9)
    assert store.rooms.prune(NOW) == 1
    assert store.rooms.events(ROOM, limit=9) == [kept]
    store.rooms.add_events([event()])
    assert (store.rooms.events(ROOM, limit=1)[0].id or 0) > (old.id or 0)
    assert store.rooms.prune(NOW) == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_kept_like_any_other(store: Store, text: str) -> None:
    one = RoomEvent(at=NOW, room=text, sid=text, kind=text, text=text, by=text, evidence={text: [text]})
    shut = ClosureRow(room_sid=text, room=text, by=text, reason=text, at=NOW)
    store.rooms.add_events([one, event()])
    store.rooms.add_closure(shut)
    store.rooms.add_closure(closure())
    assert [without_id(found) for found in store.rooms.events(text, limit=9)] == [one]
    assert shut in store.rooms.closures()
    store.rooms.remove_closure(text)
    assert store.rooms.closures() == [closure()]


@pytest.mark.parametrize("bad", ["\0", "\ud800"], ids=["nul", "surrogate"])
def test_a_text_that_cannot_be_held_keeps_no_event_out(store: Store, bad: str) -> None:
    store.rooms.add_events(
        [event(), dataclasses.replace(event(text=f"a{bad}b"), evidence={f"k{bad}": {"deep": [bad]}})]
    )
    odd, good = store.rooms.events(ROOM, limit=9)
    assert without_id(good) == event()
    assert odd.text in (f"a{bad}b", "a\ufffdb")
    assert odd.evidence in ({f"k{bad}": {"deep": [bad]}}, {"k\ufffd": {"deep": ["\ufffd"]}})
    assert store.rooms.events(bad, limit=9) == []
    store.rooms.add_closure(closure(bad))
    assert len(store.rooms.closures()) == 1
    store.rooms.remove_closure(bad)
    assert store.rooms.closures() == []


def test_evidence_is_read_by_other_programs_as_json(store: Store, other_program: sa.Engine) -> None:
    store.rooms.add_events([dataclasses.replace(event(), evidence={"humans": ["x"]})])
    with other_program.connect() as connection:
        column = "evidence -> 'humans' ->> 0"
        assert connection.execute(sa.text(f"SELECT {column} FROM room_events")).scalar_one() == "x"


def test_a_room_is_closed_until_that_is_taken_back(store: Store) -> None:
    first = closure(at=NOW - SECOND)
    store.rooms.add_closure(closure("RM_y"))
    store.rooms.add_closure(first)
    assert store.rooms.closures() == [first, closure("RM_y")]
    store.rooms.add_closure(closure(reason="another one", at=NOW + SECOND))
    assert store.rooms.closures() == [closure("RM_y"), closure(reason="another one", at=NOW + SECOND)]
    for _ in range(2):
        store.rooms.remove_closure("RM_x")
        assert store.rooms.closures() == [closure("RM_y")]


def test_a_closure_outlives_the_history(store: Store) -> None:
    store.rooms.add_closure(closure(at=NOW - timedelta(days=400)))
    store.rooms.prune(NOW)
    assert len(store.rooms.closures()) == 1
