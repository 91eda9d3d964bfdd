"""What only a server can suffer from."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from registry.store import Store, StoreError
from stack.ports import free_port
from stack.postgres import PostgresServer
from tests.registry.store.conftest import engine_of
from tests.registry.store.samples import NOW, agent, change


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
def started(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server that runs again after the test."""
    yield postgres
    if not postgres.child.is_running:
        asyncio.run(postgres.start())


def refusal(url: str) -> str:
    store = Store(url)
    with pytest.raises(StoreError) as caught:
        store.migrate()
    store.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_goes_on_after_the_server_was_away(store: Store, started: PostgresServer) -> None:
    store.save([agent()], [change()])
    asyncio.run(started.stop())
    calls = (
        store.load,
        store.ping,
        lambda: store.save([agent("other")], []),
        lambda: store.touch([("bob", NOW)]),
        lambda: store.history("bob", limit=1),
        lambda: store.save([], [], ["bob"]),
        lambda: store.prune(NOW),
    )
    for call in calls:
        with pytest.raises(StoreError, match=f"PostgreSQL 127.0.0.1:{started.port}/test_.*cannot be reached"):
            call()
    asyncio.run(started.start())
    assert store.load() == [agent()]
    store.save([agent("other")], [])
    assert len(store.load()) == 2


def test_a_restart_between_two_calls_is_not_noticed(store: Store, started: PostgresServer) -> None:
    store.save([agent()], [])
    asyncio.run(started.restart())
    assert store.load() == [agent()]


def test_a_connection_that_is_cut_costs_one_call_at_most(store: Store, other_program: sa.Engine) -> None:
    store.ping()
    with other_program.begin() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roomkeeper'"
            )
        )
    store.save([agent()], [])
    assert store.load() == [agent()]


def test_a_wrong_password_is_told_and_not_shown(url: str, postgres: PostgresServer) -> None:
    message = refusal(url.replace(postgres.password, "s3cret%40%2F"))
    assert "the password is wrong; see DATABASE_URL" in message
    assert "s3cret" not in message
    assert f"127.0.0.1:{postgres.port}/" in message


def test_no_password_is_told(url: str, postgres: PostgresServer) -> None:
    assert "it asks for a password" in refusal(url.replace(f":{postgres.password}", ""))


def test_a_database_that_is_not_there_is_told(postgres: PostgresServer) -> None:
    assert "nowhere: the database is not there; create it" in refusal(postgres.url_of("nowhere"))


def test_a_port_where_nobody_listens_is_told() -> None:
    port = free_port()
    assert refusal(f"postgresql://u:s3cret@127.0.0.1:{port}/x").startswith(
        f"PostgreSQL 127.0.0.1:{port}/x: it cannot be reached; see whether it runs"
    )


def test_a_parameter_that_nobody_knows_is_told(url: str) -> None:
    assert "is unknown; leave it out" in refusal(f"{url}?pgbouncer=true")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_any_way_to_write_postgresql_does(url: str, scheme: str) -> None:
    store = Store(url.replace("postgresql", scheme, 1))
    store.ping()
    store.close()


def test_a_lock_of_another_program_is_not_waited_for_for_ever(url: str, other_program: sa.Engine) -> None:
    store = Store(f"{url}?options=-c%20lock_timeout%3D100")
    store.save([agent()], [])
    with other_program.begin() as connection:
        connection.execute(sa.text("LOCK TABLE local_agents"))
        with pytest.raises(StoreError, match="another program holds a lock"):
            store.touch([("bob", NOW)])
    store.touch([("bob", NOW)])
    store.close()


def test_a_server_in_another_time_zone_changes_nothing(url: str) -> None:
    name = url.rpartition("/")[2]
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'"))
    store = Store(url)
    store.save([agent()], [change()])
    (row,) = store.load()
    assert (row, str(row.heard_at)) == (agent(), str(NOW))
    store.close()
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} RESET timezone"))
    engine.dispose()


def test_without_its_driver_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'psycopg") as caught:
        Store("postgresql://u:s3cret@127.0.0.1/x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:s3cret@h/x", "postgresql://u:s3cret@h:port/x"])
def test_a_url_that_cannot_be_used_is_told_and_not_shown(url: str) -> None:
    with pytest.raises(StoreError, match="DATABASE_URL") as caught:
        Store(url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
