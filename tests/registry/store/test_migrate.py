"""Tables come to be and are kept up to date, whoever starts first."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from registry.records import Status
from registry.store import Store, StoreError, migrate
from registry.store.tables import METADATA, VERSION_TABLE
from tests.registry.store.conftest import engine_of
from tests.registry.store.samples import FULL_ROW, agent, change
from tests.registry.store.session_samples import session, turn
from wire import CallFacts, Guest

FOLDER = Path(migrate.__file__).parent / "migrations"

WRITTEN_AT = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)

AS_REVISION_1_WROTE = [
    """
    INSERT INTO local_agents (
        "agentId", name, kind, description, deployment, version, incarnation, sequence, said, hints, "lastHeartbeat",
        status, reasons, "statusSince", room, phase, humans, since, "firstSeen", "updatedAt"
    ) VALUES (
        'ada', '', 'program', '', 'local', 1, '1', 0, 'running', '[]', '2026-03-04T05:06:07.890123Z',
        'warning', '[]', '2026-03-04T05:06:07.890123Z', 'agent-ada-room', 'active', '[{"identity"\\:"eve"}]', 0,
        '2026-03-04T05:06:07.890123Z', '2026-03-04T05:06:07.890123Z'
    )
    """,
    """
    INSERT INTO status_changes (at, "agentId", incarnation, after, reason, by)
    VALUES ('2026-03-04T05:06:07.890123Z', 'ada', '1', 'warning', 'it beats', 'agent')
    """,
]

_REGISTRY = """
import sys
from registry.store import Store
store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
store.migrate()
store.ping()
store.close()
"""


def test_the_migrations_end_in_the_tables_that_the_store_uses(url: str) -> None:
    engine = engine_of(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_indexes_are_there(url: str) -> None:
    engine = engine_of(url)
    tables = sa.inspect(engine)
    found = {
        (name, tuple(index["column_names"])) for name in METADATA.tables for index in tables.get_indexes(name)
    }
    assert found == {
        ("local_agents", ("lastHeartbeat",)),
        ("local_agents", ("status",)),
        ("status_changes", ("agentId", "id")),
        ("status_changes", ("at",)),
        ("agent_sessions", ("startedAt",)),
        ("agent_sessions", ("room", "startedAt")),
        ("agent_sessions", ("agentId", "startedAt")),
        ("agent_sessions", ("endedAt",)),
        ("agent_sessions", ("heardAt",)),
        ("session_turns", ("sessionId",)),
        ("room_events", ("room", "id")),
        ("room_events", ("at",)),
    }
    assert tables.get_pk_constraint("session_turns")["constrained_columns"] == ["sessionId", "number"]
    assert tables.get_pk_constraint("local_agents")["constrained_columns"] == ["agentId"]
    engine.dispose()


def test_a_second_migration_keeps_what_is_there(empty_url: str) -> None:
    for _ in range(2):
        store = Store(empty_url)
        store.migrate()
        store.save([FULL_ROW], [])
        store.migrate()
        assert store.load() == [FULL_ROW]
        store.close()


def test_what_an_older_program_wrote_is_kept(empty_url: str) -> None:
    engine = engine_of(empty_url)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in AS_REVISION_1_WROTE:
            connection.execute(sa.text(statement))
    engine.dispose()
    store = Store(empty_url)
    store.migrate()
    (row,) = store.load()
    call = CallFacts(room="agent-ada-room", phase="active", humans=(Guest(identity="eve"),))
    expected = agent("ada", status=Status.WARNING, heard_at=WRITTEN_AT)
    assert row == dataclasses.replace(
        expected,
        beat=msgspec.structs.replace(expected.beat, call=call),
        first_seen_at=WRITTEN_AT,
        status_since=WRITTEN_AT,
        updated_at=WRITTEN_AT,
    )
    assert [(found.id, found.reason) for found in store.history("ada", limit=9)] == [(1, "it beats")]
    store.save([FULL_ROW], [change("ada")])
    assert store.load() == [FULL_ROW]
    assert [found.id for found in store.history("ada", limit=9)] == [2, 1]
    assert store.sessions.report(session(), [turn(0)]) == 1
    store.close()


AS_REVISION_3_WROTE = [
    """
    INSERT INTO agent_sessions (
        id, "rowId", "agentId", room, "roomSid", "jobId", "startedAt", "heardAt", "mostHumans", "nTurns", usage
    ) VALUES (
        's1', 'row', 'bob', 'agent-bob-room', '', '', '2026-03-04T05:06:07.890123Z', '2026-03-04T05:06:07.890123Z',
        0, 1, '[]'
    )
    """,
    """
    INSERT INTO session_turns ("sessionId", number, role, text, interrupted, at)
    VALUES ('s1', 0, 'user', 'turn 0', false, '2026-03-04T05:06:07.890123Z')
    """,
]


def test_sessions_of_before_their_times_were_kept_can_be_read_and_go_on(empty_url: str) -> None:
    engine = engine_of(empty_url)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        for statement in AS_REVISION_3_WROTE:
            connection.execute(sa.text(statement))
    engine.dispose()
    store = Store(empty_url)
    store.migrate()
    assert store.sessions.get("s1") == session(started_at=WRITTEN_AT, n_turns=1)
    assert store.sessions.turns("s1", limit=9) == [turn(0, at=WRITTEN_AT)]
    assert store.sessions.events("s1") == []
    assert store.sessions.report(session(started_at=WRITTEN_AT), [turn(1)]) == 2
    store.close()


def test_without_migration_the_way_out_is_told(empty_url: str) -> None:
    store = Store(empty_url)
    for call in (store.ping, store.load, lambda: store.save([FULL_ROW], [])):
        with pytest.raises(StoreError, match="start the registry again"):
            call()
    store.close()


def test_processes_that_start_together_do_not_collide(empty_url: str) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", _REGISTRY, empty_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    store = Store(empty_url)
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "ready\n"
    other.stdin.write("\n")
    other.stdin.flush()
    store.migrate()
    store.ping()
    _, errors = other.communicate()
    assert (errors, other.returncode) == ("", 0)
    store.ping()
    store.close()


def test_the_tables_of_a_newer_program_are_left_alone(
    empty_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(empty_url)
    store.migrate()
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    caplog.set_level(logging.INFO)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"newer roomkeeper.*9999.*update roomkeeper") as caught:
            store.migrate()
        assert "\n" not in str(caught.value)
    assert not [record for record in caplog.records if record.name.startswith("registry")]
    store.close()
    engine.dispose()


def test_another_programs_alembic_is_not_disturbed(empty_url: str) -> None:
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('theirs')"))
    store = Store(empty_url)
    store.migrate()
    store.ping()
    store.close()
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "theirs"
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE agent_status (theirs INTEGER)"))  # made last, and taken
    store = Store(empty_url)
    with pytest.raises(StoreError, match="agent_status"):
        store.migrate()
    assert sa.inspect(engine).get_table_names() == ["agent_status"]
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE agent_status"))
    store.migrate()
    store.ping()
    store.close()
    engine.dispose()


def test_the_newest_revision_is_known_without_alembic() -> None:
    assert ScriptDirectory(str(FOLDER)).get_heads() == [migrate.NEWEST]
