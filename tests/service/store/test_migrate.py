"""Tables come to be and are kept up to date, whoever starts first, and beside others."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from registry.store import Store as RegistryStore
from service.store import Store, StoreError, migrate
from service.store.tables import METADATA, VERSION_TABLE
from tests.service.store.conftest import engine_of

FOLDER = Path(migrate.__file__).parent / "migrations"


def test_the_migrations_end_in_the_tables_that_the_store_uses(url: str) -> None:
    engine = engine_of(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    tables = sa.inspect(engine)
    assert tables.get_pk_constraint("chat_messages")["constrained_columns"] == ["thread", "number"]
    assert [key["options"] for key in tables.get_foreign_keys("chat_messages")] == [{"ondelete": "CASCADE"}]
    engine.dispose()


def test_the_newest_revision_is_known_without_alembic() -> None:
    assert ScriptDirectory(str(FOLDER)).get_heads() == [migrate.NEWEST]


def test_it_shares_a_database_with_the_registry_and_others(empty_url: str) -> None:
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('theirs')"))
    registry, service = RegistryStore(empty_url), Store(empty_url)
    for _ in range(2):
        registry.migrate()
        service.open()
    registry.ping()
    tables = set(sa.inspect(engine).get_table_names())
    assert {"local_agents", "chat_threads", "chat_messages", VERSION_TABLE} <= tables
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "theirs"
    registry.close()
    service.close()
    engine.dispose()


def test_services_that_start_together_do_not_collide(empty_url: str) -> None:
    barrier = threading.Barrier(3)
    failed = []

    def start() -> None:
        store = Store(empty_url)
        barrier.wait()
        try:
            store.open()
        except StoreError as error:
            failed.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_the_tables_of_a_newer_program_are_left_alone(empty_url: str) -> None:
    store = Store(empty_url)
    store.open()
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer roomkeeper.*9999.*update roomkeeper"):
        store.open()
    store.close()
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE chat_messages (theirs INTEGER)"))  # made last, and taken
    store = Store(empty_url)
    with pytest.raises(StoreError, match="chat_messages"):
        store.open()
    assert sa.inspect(engine).get_table_names() == ["chat_messages"]
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE chat_messages"))
    store.open()
    store.close()
    engine.dispose()
