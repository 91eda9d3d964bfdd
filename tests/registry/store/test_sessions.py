"""Sessions and turns are there again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
import sqlalchemy as sa

from registry.session_records import Ending, SessionRow, TurnRow
from registry.store import Store, StoreError
from tests.registry.store.samples import NOW
from tests.registry.store.session_samples import FULL_SESSION, FULL_TURN, session, turn
from tests.registry.store.test_store import HOSTILE

SECOND = timedelta(seconds=1)


def ids(rows: list[SessionRow]) -> list[str]:
    return [row.id for row in rows]


def said(turns: list[TurnRow]) -> list[tuple[str, int]]:
    return [(turn.session_id, turn.number) for turn in turns]


@pytest.fixture
def second_store(url: str) -> Iterator[Store]:
    """Of another registry on the same database."""
    store = Store(url)
    yield store
    store.close()


def test_every_field_of_the_full_session_differs_from_its_default() -> None:
    """Or the round trip would not see a field that is forgotten."""
    for field in dataclasses.fields(FULL_SESSION):
        if field.name != "n_turns":  # the store counts them
            assert getattr(FULL_SESSION, field.name) not in (field.default, None)


@pytest.mark.parametrize(
    "row",
    [FULL_SESSION, session(), session(host="", usage=({},), exit_code=0), session(exit_code=2**40)],
    ids=["full", "bare", "empty", "large-exit-code"],
)
def test_a_session_comes_back_as_it_was(store: Store, row: SessionRow) -> None:
    for _ in range(2):
        assert store.sessions.report(row, []) == 0
        assert store.sessions.get(row.id) == row
    assert store.sessions.list(limit=9) == [row]


def test_a_session_that_nobody_knows_is_none(store: Store) -> None:
    assert store.sessions.get("nobody") is None
    assert store.sessions.turns("nobody", limit=5) == []


def test_moments_come_back_in_utc(store: Store) -> None:
    east = datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    store.sessions.report(session(started_at=east), [turn(0, at=east)])
    kept = store.sessions.get("s1")
    assert kept is not None
    assert (kept.started_at, kept.started_at.tzinfo) == (east, UTC)
    assert store.sessions.turns("s1", limit=1)[0].at.tzinfo is UTC


def test_the_count_of_turns_is_the_store_s_own(store: Store) -> None:
    store.sessions.report(session(n_turns=99), [turn(0)])
    kept = store.sessions.get("s1")
    assert kept is not None
    assert kept.n_turns == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_kept_like_any_other(store: Store, text: str) -> None:
    row = session(text, room=text, agent_id=text, usage=({text: text},), close_reason=text, ended_at=NOW)
    store.sessions.report(row, [turn(0, text, text=text)])
    store.sessions.report(session("other"), [])
    assert store.sessions.get(text) == dataclasses.replace(row, n_turns=1)
    assert store.sessions.turns(text, limit=5) == [turn(0, text, text=text)]
    assert ids(store.sessions.list(room=text, agent_id=text, limit=9)) == [text]
    assert store.sessions.close_lost([text, "other"], at=NOW) == ["other"]


@pytest.mark.parametrize("bad", ["\0", "\ud800"], ids=["nul", "surrogate"])
def test_a_text_that_cannot_be_held_loses_no_session(store: Store, bad: str) -> None:
    row = session("s1", host=f"a{bad}b", usage=({f"k{bad}": [bad]},))
    assert store.sessions.report(row, [turn(0), turn(1, text=f"a{bad}b")]) == 2
    kept = store.sessions.get("s1")
    assert kept is not None
    assert kept.host in (f"a{bad}b", "a\ufffdb")
    assert kept.usage in (row.usage, ({"k\ufffd": ["\ufffd"]},))
    assert [turn.text for turn in store.sessions.turns("s1", limit=9)] in (
        ["turn 0", f"a{bad}b"],
        ["turn 0", "a\ufffdb"],
    )
    store.sessions.report(session(bad), [turn(0, bad)])
    assert store.sessions.report(session(bad), [turn(1, bad)]) == 2
    assert len(store.sessions.turns(bad, limit=9)) == 2
    assert store.sessions.get(bad) is not None
    assert len(store.sessions.list(limit=9)) == 2
    assert store.sessions.list(room=bad, agent_id=bad, limit=9) == []
    assert store.sessions.close_lost([f"{bad}x"], at=NOW) == []


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([[0, 1, 2]], 3),
        ([[0, 1], [2]], 3),
        ([[0, 1], [1, 2], [0, 1]], 3),
        ([[2, 0, 1, 1]], 3),
        ([[1, 2]], 0),
        ([[0, 2]], 1),
        ([[0, 2], [1]], 3),
        ([[0], [4, 5], [2], [1]], 3),
        ([[], [0], []], 1),
        ([[0, 2**31 - 1]], 1),
    ],
    ids=str,
)
def test_the_number_below_which_all_turns_came_is_answered(
    store: Store, reports: list[list[int]], expected: int
) -> None:
    answers = [store.sessions.report(session(), [turn(number) for number in report]) for report in reports]
    assert answers[-1] == expected
    assert sorted(answers) == answers
    kept = store.sessions.get("s1")
    assert kept is not None
    assert kept.n_turns == expected
    numbers = sorted({number for report in reports for number in report})
    assert store.sessions.turns("s1", limit=99) == [turn(number) for number in numbers]


def test_a_turn_that_is_there_is_not_changed(store: Store) -> None:
    store.sessions.report(session(), [turn(0), turn(5, text="as it was")])
    store.sessions.report(session(), [turn(0, text="other"), turn(5, text="other")])
    assert [turn.text for turn in store.sessions.turns("s1", limit=9)] == ["turn 0", "as it was"]


def test_turns_and_their_session_are_written_together_or_not_at_all(
    store: Store, other_program: sa.Engine
) -> None:
    def rename(before: str, after: str) -> None:
        with other_program.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE {before} RENAME TO {after}"))

    rename("session_turns", "away")
    try:
        with pytest.raises(StoreError, match="start the registry again"):
            store.sessions.report(session(), [turn(0)])
    finally:
        rename("away", "session_turns")
    assert store.sessions.list(limit=9) == []


def test_a_session_with_thousands_of_turns_takes_more(store: Store) -> None:
    for start in range(0, 5_000, 100):
        assert store.sessions.report(session(), [turn(n) for n in range(start, start + 100)]) == start + 100
    assert said(store.sessions.turns("s1", limit=50)) == [("s1", number) for number in range(4_950, 5_000)]
    assert len(store.sessions.turns("s1", limit=10_000)) == 5_000


def test_an_ended_session_stays_ended_when_a_late_report_comes(store: Store) -> None:
    store.sessions.report(FULL_SESSION, [])
    late = dataclasses.replace(FULL_SESSION, ended_at=None, close_reason=None, exit_code=None)
    assert store.sessions.report(late, [turn(0, FULL_SESSION.id)]) == 1
    assert store.sessions.get(FULL_SESSION.id) == dataclasses.replace(FULL_SESSION, n_turns=1)


def test_only_open_sessions_are_given_up_as_lost(store: Store) -> None:
    store.sessions.report(FULL_SESSION, [])
    for name in ("a", "b", "c"):
        store.sessions.report(session(name), [])
    wanted = ["b", "nobody", FULL_SESSION.id, "a", "b"]
    assert sorted(store.sessions.close_lost(wanted, at=NOW)) == ["a", "b", "b"]
    assert store.sessions.close_lost(wanted, at=NOW + SECOND) == []
    assert store.sessions.close_lost([], at=NOW) == []
    assert store.sessions.get("a") == session("a", ended_at=NOW, close_reason="lost")
    assert store.sessions.get(FULL_SESSION.id) == FULL_SESSION
    assert store.sessions.open() == [session("c")]


def test_an_open_session_ends_by_its_goodbye_and_its_late_report_adds_the_exit_code(store: Store) -> None:
    store.sessions.report(FULL_SESSION, [])
    store.sessions.report(session(), [])
    wanted = ["s1", "nobody", FULL_SESSION.id]
    assert store.sessions.close(wanted, at=NOW, reason="max_session") == ["s1"]
    assert store.sessions.close(wanted, at=NOW + SECOND, reason="operator") == []
    assert store.sessions.close_lost(wanted, at=NOW + SECOND) == []
    assert store.sessions.get("s1") == session(ended_at=NOW, close_reason="max_session")
    assert store.sessions.get(FULL_SESSION.id) == FULL_SESSION
    store.sessions.report(session(ended_at=NOW + SECOND, close_reason="max_session", exit_code=0), [])
    assert store.sessions.get("s1") == session(ended_at=NOW, close_reason="max_session", exit_code=0)


def test_a_goodbye_of_any_text_ends_a_session(store: Store) -> None:
    store.sessions.report(session(), [])
    assert store.sessions.close(["s1"], at=NOW, reason="a\0b") == ["s1"]
    assert store.sessions.open() == []


def test_any_number_of_sessions_can_be_given_up_at_once(store: Store) -> None:
    for number in range(3):
        store.sessions.report(session(str(number)), [])
    assert len(store.sessions.close_lost([str(number) for number in range(40_000)], at=NOW)) == 3


def test_a_lost_session_that_reports_again_goes_on(store: Store) -> None:
    store.sessions.report(session(), [turn(0)])
    store.sessions.close_lost(["s1"], at=NOW)
    assert store.sessions.report(session(heard_at=NOW + SECOND), [turn(1)]) == 2
    assert store.sessions.open() == [session(heard_at=NOW + SECOND, n_turns=2)]


def test_a_lost_session_may_tell_how_it_really_ended(store: Store) -> None:
    store.sessions.report(session(), [])
    store.sessions.close_lost(["s1"], at=NOW + SECOND)
    ended = session(ended_at=NOW, close_reason="humans_left", exit_code=0)
    store.sessions.report(ended, [])
    assert store.sessions.get("s1") == ended


def test_those_that_started_last_are_listed_first(store: Store) -> None:
    for number in (1, 3, 2):
        store.sessions.report(session(str(number), started_at=NOW + number * SECOND), [])
    assert ids(store.sessions.list(limit=9)) == ["3", "2", "1"]
    assert ids(store.sessions.list(limit=2)) == ["3", "2"]
    assert ids(store.sessions.list(limit=9, before=NOW + 2 * SECOND)) == ["1"]
    assert store.sessions.list(limit=0) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, {"a", "b", "c"}),
        ({"room": "x"}, {"a", "b"}),
        ({"agent_id": "eve"}, {"b", "c"}),
        ({"room": "x", "agent_id": "eve"}, {"b"}),
        ({"is_open": True}, {"a", "c"}),
        ({"is_open": False}, {"b"}),
        ({"room": "x", "is_open": True}, {"a"}),
        ({"room": "nowhere"}, set()),
        ({"agent_ids": {"eve", "o'brien"}}, {"b", "c"}),
        ({"agent_ids": frozenset()}, set()),
    ],
)
def test_a_list_can_be_narrowed(store: Store, wanted: dict[str, str], expected: set[str]) -> None:
    store.sessions.report(session("a", room="x", agent_id="ada"), [])
    store.sessions.report(session("b", room="x", agent_id="eve", ended_at=NOW, close_reason="r"), [])
    store.sessions.report(session("c", room="y", agent_id="eve"), [])
    assert set(ids(store.sessions.list(limit=9, **wanted))) == expected  # type: ignore[arg-type]


def test_a_conversation_goes_back_through_the_sessions_that_were_resumed(store: Store) -> None:
    for before, name in pairwise(["none", "one", "two", "three"]):
        store.sessions.report(session(name, resumes=before), [turn(0, name), turn(1, name)])
    whole = [(name, number) for name in ("one", "two", "three") for number in (0, 1)]
    for limit in range(8):
        assert said(store.sessions.turns("three", limit=limit)) == whole[max(0, len(whole) - limit) :]
    assert said(store.sessions.turns("two", limit=9)) == whole[:4]


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c"]], ids=len)
def test_sessions_that_resume_each_other_in_a_circle_end(store: Store, names: list[str]) -> None:
    for name, before in zip(names, names[1:] + names[:1], strict=True):
        store.sessions.report(session(name, resumes=before), [turn(0, name)])
    assert sorted(said(store.sessions.turns("a", limit=99))) == [(name, 0) for name in names]


def test_a_session_that_said_nothing_hides_nothing(store: Store) -> None:
    store.sessions.report(session("one"), [turn(0, "one")])
    store.sessions.report(session("two", resumes="one"), [])
    store.sessions.report(session("three", resumes="two"), [])
    assert said(store.sessions.turns("three", limit=9)) == [("one", 0)]


def test_a_chain_of_sessions_without_a_word_is_not_followed_for_ever(store: Store) -> None:
    store.sessions.report(session("0"), [turn(0, "0")])
    for number in range(1, 103):
        store.sessions.report(session(str(number), resumes=str(number - 1)), [])
    assert len(store.sessions.turns("99", limit=9)) == 1
    assert store.sessions.turns("102", limit=9) == []


def test_ends_and_starts_are_counted_from_a_moment_on(store: Store) -> None:
    store.sessions.report(session("open"), [])
    for name, at in {"before": NOW - SECOND, "exact": NOW, "after": NOW + SECOND}.items():
        store.sessions.report(
            session(name, started_at=at - SECOND, room=name, ended_at=at, close_reason="r", exit_code=1), []
        )
    assert sorted(store.sessions.ended_since(NOW)) == [
        Ending("after", NOW, NOW + SECOND, "r", 1),
        Ending("exact", NOW - SECOND, NOW, "r", 1),
    ]
    assert store.sessions.started_since(NOW) == 2
    assert store.sessions.started_since(NOW + SECOND) == 0


def test_old_sessions_go_with_their_turns(store: Store) -> None:
    for name, heard_at in {"old": NOW - SECOND, "exact": NOW, "new": NOW + SECOND}.items():
        store.sessions.report(session(name, heard_at=heard_at), [turn(0, name), turn(1, name)])
    assert store.sessions.prune(NOW, turns_before=NOW - 9 * SECOND) == 3
    assert set(ids(store.sessions.list(limit=9))) == {"exact", "new"}
    assert store.sessions.turns("old", limit=9) == []
    assert len(store.sessions.turns("exact", limit=9)) == 2
    assert store.sessions.prune(NOW, turns_before=NOW - 9 * SECOND) == 0


def test_texts_go_sooner_than_their_session_and_do_not_come_back(store: Store) -> None:
    turns = [FULL_TURN, turn(1), turn(2)]
    store.sessions.report(session(), turns)
    store.sessions.report(session("new", heard_at=NOW + SECOND), [turn(0, "new")])
    assert store.sessions.prune(NOW, turns_before=NOW + SECOND) == 3
    assert store.sessions.prune(NOW, turns_before=NOW + SECOND) == 0
    assert store.sessions.get("s1") == session(n_turns=3)
    assert store.sessions.report(session(), [*turns, turn(3)]) == 4
    kept = store.sessions.turns("s1", limit=9)
    assert [(one.text, one.is_kept) for one in kept] == [("", False)] * 3 + [("turn 3", True)]
    assert kept[0] == dataclasses.replace(FULL_TURN, text="", is_kept=False), "its times stay"
    assert store.sessions.turns("new", limit=9) == [turn(0, "new")]


def test_a_prune_that_finds_nothing_waits_for_no_writer(store: Store, other_program: sa.Engine) -> None:
    store.sessions.report(session(), [turn(0)])
    assert store.sessions.prune(NOW - SECOND, turns_before=NOW + SECOND) == 1
    with other_program.connect() as connection:
        # Where there is one writer only, this is it: another one would wait for longer than the test may take.
        connection.execute(sa.text("UPDATE agent_profiles SET \"updatedBy\" = ''"))
        assert store.sessions.prune(NOW - SECOND, turns_before=NOW + SECOND) == 0


def test_many_old_turns_go_in_portions(store: Store) -> None:
    store.sessions.report(session(), [turn(number) for number in range(2_001)])
    assert store.sessions.prune(NOW + SECOND, turns_before=NOW) == 2_002
    assert store.sessions.turns("s1", limit=9) == []


def test_two_registries_take_reports_of_one_session_at_once(store: Store, second_store: Store) -> None:
    n_rounds = 20
    barrier = threading.Barrier(2)

    def work(mine: Store, first: int) -> None:
        for number in range(n_rounds):
            barrier.wait()
            row = session(str(number), heard_at=NOW + first * SECOND, most_humans=first)
            mine.sessions.report(row, [turn(n, str(number)) for n in range(first, 6, 2)])

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(work, store, 0), threads.submit(work, second_store, 1)]:
            done.result()
    for number in range(n_rounds):
        expected = session(str(number), heard_at=NOW + SECOND, most_humans=1, n_turns=6)
        assert store.sessions.get(str(number)) == expected


def test_a_session_that_cannot_be_read_is_left_out_and_can_report_again(
    store: Store, other_program: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    store.sessions.report(session(), [])
    store.sessions.report(session("other"), [])
    with other_program.begin() as connection:
        connection.execute(sa.text("UPDATE agent_sessions SET usage = '{\"a\": 1}' WHERE id = 's1'"))
    assert store.sessions.open() == [session("other")]
    assert store.sessions.get("s1") is None
    assert {record.__dict__["action"] for record in caplog.records} == {"database.row"}
    store.sessions.report(session(), [])
    assert store.sessions.get("s1") == session()
