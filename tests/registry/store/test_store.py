"""What is written is there again, on SQLite and on PostgreSQL."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
import sqlalchemy as sa

from registry.records import AgentRow, Forced, Reason, Status
from registry.store import Store, StoreError
from tests.registry.store.samples import FULL_BEAT, FULL_ROW, NOW, agent, agent_saying, change
from wire import CallFacts, Guest, Hint, Said

LONG_AGO = NOW - timedelta(days=31)
BEFORE = NOW - timedelta(days=30)

HOSTILE = [
    "'; DROP TABLE local_agents; --",
    'a "quoted" \\ back\\slashed `id`',
    "%s %(x)s :name ? $1 {0}",
    "émoji 👩‍🚀 \u200f\u202eעברית\u202c",
    "../../etc/passwd?x=1#y&z",
    "null",
    "123",
    '{"json": [1]}',
]


def saved(store: Store, row: AgentRow) -> AgentRow:
    store.save([row], [])
    (loaded,) = store.load()
    return loaded


@pytest.mark.parametrize(
    "row",
    [
        FULL_ROW,
        agent(),
        dataclasses.replace(FULL_ROW, forced=Forced(status=Status.RUNNING, health=None, by="", reason="", at=NOW)),
        dataclasses.replace(FULL_ROW, health=0, reasons=(Reason(points=100, text='"\\"'),), cause=""),
        agent_saying(hints=(), call=None, prompt="", temperature=0.0, port=0),
        agent_saying(call=CallFacts(room="r", phase="active")),
        agent_saying(call=CallFacts(room="r", phase="active", humans=(Guest(identity="x"),) * 200)),
        agent_saying(prompt="👩‍🚀" * 10_000, last_error="x" * 2_000),
        agent_saying(cpu=5e-324, rss=0, idle=1e9, loop_lag=123456789.12345679),
    ],
    ids=["full", "bare", "forced", "empty", "no-call", "bare-call", "many-humans", "long-prompt", "odd-numbers"],
)  # fmt: skip
def test_an_agent_comes_back_as_it_was(store: Store, row: AgentRow) -> None:
    assert saved(store, row) == row


def test_every_field_of_the_full_agent_differs_from_its_default() -> None:
    """Or the round trip would not see a field that is forgotten."""
    for instance in (
        FULL_BEAT,
        FULL_BEAT.call,
        FULL_BEAT.hints[0],
        FULL_BEAT.models[0],
        FULL_BEAT.switches[0],
    ):
        assert instance is not None
        for field in msgspec.structs.fields(instance):
            if field.name != "version":  # there is only one yet
                assert getattr(instance, field.name) not in (field.default, None)
    assert None not in (getattr(FULL_ROW, field.name) for field in dataclasses.fields(FULL_ROW))


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_an_id_like_any_other(store: Store, text: str) -> None:
    row = dataclasses.replace(agent_saying(agent_id=text, name=text, prompt=text, hints=(Hint(points=1, text=text),)),
                              cause=text, reasons=(Reason(points=1, text=text),))  # fmt: skip
    store.save([row, agent("other")], [change(text, reason=text, by=text)])
    assert {loaded.agent_id: loaded for loaded in store.load()}[text] == row
    store.touch([(text, NOW + timedelta(seconds=1))])
    assert {loaded.agent_id: loaded.heard_at for loaded in store.load()} == {
        text: NOW + timedelta(seconds=1),
        "other": NOW,
    }
    (entry,) = store.history(text, limit=10)
    assert (entry.agent_id, entry.reason, entry.by) == (text, text, text)
    store.save([], [], [text])
    assert [loaded.agent_id for loaded in store.load()] == ["other"]


@pytest.mark.parametrize("bad", ["\0", "\ud800"], ids=["nul", "surrogate"])
def test_a_text_that_cannot_be_held_keeps_nobody_out(store: Store, bad: str) -> None:
    row = dataclasses.replace(FULL_ROW, cause=f"a{bad}b", reasons=(Reason(points=1, text=bad),))
    store.save([row, agent()], [change(reason=f"x{bad}y", by=f"{bad}z")])
    loaded = {row.agent_id: row for row in store.load()}
    assert loaded["bob"] == agent()
    assert loaded["ada"].cause in (f"a{bad}b", "a\ufffdb")
    assert dataclasses.replace(loaded["ada"], cause=None, reasons=()) == dataclasses.replace(
        row, cause=None, reasons=()
    )
    assert store.history("bob", limit=1)[0].by in (f"{bad}z", "\ufffdz")
    store.touch([(bad, NOW), ("bob", NOW + timedelta(seconds=1))])
    assert {row.agent_id: row.heard_at for row in store.load()}["bob"] == NOW + timedelta(seconds=1)
    store.save([], [], [bad])
    assert store.history(bad, limit=1) == []


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 4, 5, 6, 7, 1, tzinfo=UTC),
        datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(-timedelta(hours=9, minutes=30))),
    ],
    ids=["microseconds", "whole-second", "east", "west"],
)
def test_a_moment_comes_back_exactly_and_in_utc(store: Store, moment: datetime) -> None:
    loaded = saved(store, agent(heard_at=moment))
    assert loaded.heard_at == moment
    assert loaded.heard_at.tzinfo is UTC
    later = moment + timedelta(microseconds=1)
    store.touch([("bob", later)])
    assert store.load()[0].heard_at == later
    assert store.load()[0].heard_at.tzinfo is UTC


def test_a_later_row_of_an_agent_takes_the_place_of_the_one_before(store: Store) -> None:
    store.save([FULL_ROW, agent()], [])
    store.save([dataclasses.replace(agent("ada"), status=Status.OFFLINE)], [])
    assert {row.agent_id: row for row in store.load()} == {
        "ada": dataclasses.replace(agent("ada"), status=Status.OFFLINE),
        "bob": agent(),
    }


def test_of_two_rows_of_an_agent_in_one_call_the_last_one_counts(store: Store) -> None:
    store.save([agent("ada"), agent(), FULL_ROW], [])
    assert sorted(store.load(), key=lambda row: row.agent_id) == [FULL_ROW, agent()]


@pytest.mark.parametrize("n_agents", [1, 2, 127, 128, 129, 255, 700])
def test_any_number_of_agents_fits_into_one_call(store: Store, n_agents: int) -> None:
    rows = [agent(f"agent-{number:03}") for number in range(n_agents)]
    store.save(rows, [change(row.agent_id) for row in rows])
    assert sorted(store.load(), key=lambda row: row.agent_id) == rows
    assert all(len(store.history(row.agent_id, limit=9)) == 1 for row in (rows[0], rows[-1]))
    store.touch([(row.agent_id, NOW + timedelta(seconds=1)) for row in rows])
    assert {row.heard_at for row in store.load()} == {NOW + timedelta(seconds=1)}


def test_nothing_to_write_is_nothing(store: Store) -> None:
    store.save([], [])
    store.touch([])
    assert store.load() == []


def test_a_heartbeat_changes_nothing_else(store: Store) -> None:
    store.save([FULL_ROW, agent()], [])
    store.touch([("ada", NOW + timedelta(seconds=9)), ("nobody", NOW)])
    assert {row.agent_id: row for row in store.load()} == {
        "ada": dataclasses.replace(FULL_ROW, heard_at=NOW + timedelta(seconds=9)),
        "bob": agent(),
    }


def test_agents_and_changes_are_written_together_or_not_at_all(
    store: Store, other_program: sa.Engine
) -> None:
    def rename(before: str, after: str) -> None:
        with other_program.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE {before} RENAME TO {after}"))

    rename("status_changes", "away")
    try:
        with pytest.raises(StoreError, match="start the registry again"):
            store.save([agent()], [change()])
    finally:
        rename("away", "status_changes")
    assert store.load() == []


def test_the_newest_change_comes_first(store: Store) -> None:
    store.save([], [change(reason=str(number)) for number in range(300)])
    store.save([], [change("other"), change(at=LONG_AGO, reason="300")])
    entries = store.history("bob", limit=1_000)
    assert [entry.reason for entry in entries] == [str(number) for number in range(300, -1, -1)]
    ids = [entry.id for entry in entries]
    assert all(isinstance(number, int) for number in ids)
    assert ids == sorted(ids, key=lambda number: -(number or 0))


def test_pages_of_history_meet(store: Store) -> None:
    store.save([], [change(reason=str(number)) for number in range(7)])
    pages: list[list[str]] = []
    before = None
    while page := store.history("bob", limit=3, before=before):
        pages.append([entry.reason for entry in page])
        before = page[-1].id
    assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    assert store.history("bob", limit=3, before=0) == []
    assert len(store.history("bob", limit=9, before=10**30)) == 7


def test_a_change_comes_back_as_it_was(store: Store) -> None:
    first = dataclasses.replace(change(), before=Status.OFFLINE, after=Status.UNKNOWN, health=None)
    store.save([], [first])
    (entry,) = store.history("bob", limit=1)
    assert dataclasses.replace(entry, id=None) == first
    assert entry.at.tzinfo is UTC


def test_the_history_of_a_removed_agent_stays(store: Store) -> None:
    store.save([agent()], [change()])
    store.save([], [], ["bob"])
    store.save([], [], ["bob"])
    assert store.load() == []
    assert len(store.history("bob", limit=9)) == 1


def test_old_changes_go_and_their_ids_do_not_come_again(store: Store) -> None:
    store.save([], [change(at=BEFORE), change(at=BEFORE - timedelta(microseconds=1), reason="old")])
    kept, old = store.history("bob", limit=9)[1], store.history("bob", limit=9)[0]
    assert store.prune(BEFORE) == 1
    assert store.history("bob", limit=9) == [kept]
    store.save([], [change()])
    assert (store.history("bob", limit=1)[0].id or 0) > (old.id or 0)
    assert store.prune(BEFORE) == 0


def test_of_agents_not_heard_since_only_those_go_that_are_over(store: Store) -> None:
    rows = [agent(status.value, status=status, heard_at=LONG_AGO) for status in Status]
    fresh = [agent(f"fresh-{status.value}", status=status) for status in Status]
    exact = agent("exact", status=Status.OFFLINE, heard_at=BEFORE)
    store.save([*rows, *fresh, exact], [])
    assert store.prune(BEFORE) == 3
    assert {row.agent_id for row in store.load()} == (
        {"starting", "running", "warning", "error", "exact"} | {row.agent_id for row in fresh}
    )


def test_many_old_rows_go_in_portions(store: Store) -> None:
    store.save([agent(str(n), status=Status.STOPPED, heard_at=LONG_AGO) for n in range(1_001)], [])
    store.save([], [change(at=LONG_AGO)] * 2_001)
    assert store.prune(BEFORE) == 3_002
    assert store.load() == []


def test_other_programs_read_the_view(store: Store, other_program: sa.Engine) -> None:
    store.save([FULL_ROW], [])
    with other_program.connect() as connection:
        (row,) = connection.execute(sa.text("SELECT * FROM agent_status")).mappings()
        found = dict(row)
    moments = {
        name: found.pop(name) for name in ("last_heartbeat", "last_activity", "updated_at")
    }  # SQLite has them as text
    assert found == {
        "id": "ada",
        "agent_name": "Ada",
        "status": "warning",
        "health": 70,
        "last_error": "Traceback:\n  boom",
    }
    read = {
        name: moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
        for name, moment in moments.items()
    }
    assert read == {
        "last_heartbeat": FULL_ROW.heard_at,
        "last_activity": FULL_ROW.active_at,
        "updated_at": FULL_ROW.updated_at,
    }


def test_other_programs_sort_by_moments(store: Store, other_program: sa.Engine) -> None:
    steps = [timedelta(0), timedelta(microseconds=1), timedelta(microseconds=999_999), timedelta(seconds=1)]
    whole = NOW.replace(microsecond=0)
    store.save([agent(str(number), heard_at=whole + step) for number, step in enumerate(steps)], [])
    with other_program.connect() as connection:
        ids = connection.execute(
            sa.text('SELECT "agentId" FROM local_agents ORDER BY "lastHeartbeat"')
        ).scalars()
        assert list(ids) == ["0", "1", "2", "3"]


def test_other_programs_read_while_an_agent_is_written(store: Store, other_program: sa.Engine) -> None:
    store.save([agent()], [])
    with other_program.begin() as connection:
        query = sa.text("SELECT count(*) FROM local_agents")
        assert connection.execute(query).scalar_one() == 1
        store.save([agent("other")], [])
        store.touch([("bob", NOW)])
    assert len(store.load()) == 2


def test_a_row_that_cannot_be_read_is_left_out(
    store: Store, other_program: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    store.save([agent(), agent("odd")], [])
    with other_program.begin() as connection:
        connection.execute(sa.text("UPDATE local_agents SET status = 'asleep' WHERE \"agentId\" = 'odd'"))
    assert store.load() == [agent()]
    assert [record.__dict__["action"] for record in caplog.records] == ["database.row"]


def test_threads_write_read_and_prune_at_once(store: Store) -> None:
    n_threads, n_rounds = 4, 8
    barrier = threading.Barrier(n_threads)

    def work(thread: int) -> None:
        barrier.wait()
        for number in range(n_rounds):
            row = agent(f"{thread}-{number}")
            store.save([row], [change(row.agent_id)])
            store.touch([(row.agent_id, NOW)])
            assert row in store.load()
            assert len(store.history(row.agent_id, limit=5)) == 1
            store.prune(LONG_AGO)

    with ThreadPoolExecutor(n_threads) as threads:
        list(threads.map(work, range(n_threads)))
    assert len(store.load()) == n_threads * n_rounds


def test_it_answers_a_ping_until_it_is_closed(store: Store) -> None:
    store.ping()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.ping()


def test_those_heard_last_can_be_read_alone(store: Store) -> None:
    store.save([agent(str(n), heard_at=NOW + timedelta(seconds=n)) for n in range(5)], [])
    assert {row.agent_id for row in store.load(newest=2)} == {"3", "4"}


def test_what_has_long_been_over_is_not_read_at_a_start(store: Store) -> None:
    rows = [
        dataclasses.replace(agent("gone", status=Status.OFFLINE), status_since=LONG_AGO),
        dataclasses.replace(agent("just gone", status=Status.OFFLINE), status_since=NOW),
        dataclasses.replace(agent("alive"), status_since=LONG_AGO),
        dataclasses.replace(
            agent("forced", status=Status.STOPPED),
            status_since=LONG_AGO,
            forced=Forced(status=Status.STOPPED, health=None, by="Max", reason="broken", at=LONG_AGO),
        ),
    ]
    store.save(rows, [])
    assert {row.agent_id for row in store.load(over_since=BEFORE)} == {"just gone", "alive", "forced"}
    assert store.heard() == {"alive": NOW}


def test_who_is_not_over_is_known_with_its_incarnation(store: Store) -> None:
    rows = [
        dataclasses.replace(
            agent_saying(agent_id=status.value, incarnation=f"i-{status.value}"), status=status
        )
        for status in Status
    ]
    store.save(rows, [])
    alive = {status.value for status in Status} - {"stopped", "offline"}
    assert store.incarnations() == {agent_id: f"i-{agent_id}" for agent_id in alive}
    store.save([agent_saying(agent_id="running", incarnation="next")], [])
    assert store.incarnations()["running"] == "next"


def test_those_who_said_goodbye_are_known_with_their_incarnation(store: Store) -> None:
    stopped = dataclasses.replace(agent_saying(status=Said.STOPPED), status=Status.STOPPED)
    store.save([stopped, agent("alive")], [])
    assert store.stopped(newest=10) == [(stopped.agent_id, stopped.beat.incarnation)]


def test_agents_are_removed_in_the_same_transaction(store: Store) -> None:
    store.save([agent("a"), agent("b")], [])
    store.save([], [change("a")], ["a", "nobody"])
    assert {row.agent_id for row in store.load()} == {"b"}
