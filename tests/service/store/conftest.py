"""The same tests on both databases."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.store import Store, sqlite_url
from service.store.tables import METADATA
from stack.errors import StackError
from stack.postgres import PostgresServer, find_binaries

_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests. Whoever stops it starts it again."""
    try:
        find_binaries()
    except StackError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    server = PostgresServer()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.aclose())


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def empty_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    if kind == "sqlite":
        return sqlite_url(tmp_path / "service.db")
    return _create_database(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def shared(postgres: PostgresServer) -> Iterator[sa.Engine]:
    """A database on the server with its tables. Making one for each test would take most of the time."""
    url = _create_database(postgres)
    store = Store(url)
    store.open()
    store.close()
    engine = engine_of(url)
    yield engine
    engine.dispose()


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database with empty tables."""
    if kind == "sqlite":
        made = sqlite_url(tmp_path / "service.db")
        store = Store(made)
        store.open()
        store.close()
        return made
    shared: sa.Engine = request.getfixturevalue("shared")
    with shared.begin() as connection:
        connection.execute(sa.text(f"TRUNCATE {', '.join(METADATA.tables)} RESTART IDENTITY"))
    return shared.url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()


@pytest.fixture
def other_program(url: str) -> Iterator[sa.Engine]:
    """What any program sees that opens the database of `store`."""
    engine = engine_of(url)
    yield engine
    engine.dispose()


def engine_of(url: str) -> sa.Engine:
    # With a ping, because some tests stop the server.
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), pool_pre_ping=True)


def _create_database(server: PostgresServer) -> str:
    name = f"service_{next(_numbers)}"
    engine = engine_of(server.url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.url_of(name)
