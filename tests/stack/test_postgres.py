"""A PostgreSQL of our own, started for real where it is installed."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from stack.errors import StackError
from stack.postgres import PostgresServer, find_binaries


@pytest.fixture
def installed() -> None:
    try:
        find_binaries()
    except StackError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


def answers(server: PostgresServer) -> bool:
    """Whether it speaks PostgreSQL's protocol: asked for TLS, it says yes or no in one letter."""
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
            connection.sendall(bytes.fromhex("0000000804d2162f"))
            return connection.recv(1) in (b"S", b"N")
    except ConnectionRefusedError:
        return False


def test_a_missing_server_names_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("stack.postgres._DEBIAN_FOLDER", tmp_path)
    with pytest.raises(StackError, match=r"apt-get install postgresql.*brew install postgresql"):
        find_binaries()


def test_of_several_versions_the_newest_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("stack.postgres._DEBIAN_FOLDER", tmp_path)
    for version in ("9.6", "15", "9", "16-broken"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        for program in ("initdb", "postgres"):
            (folder / program).touch(mode=0o755)
    assert find_binaries() == tmp_path / "15" / "bin"


@pytest.mark.usefixtures("installed")
async def test_it_starts_stops_restarts_and_leaves_nothing() -> None:
    async with PostgresServer() as server:
        assert answers(server)
        assert server.url == f"postgresql://postgres:{server.password}@127.0.0.1:{server.port}/postgres"
        await server.restart()
        assert answers(server)
        server.kill()
        server.kill()
        assert not answers(server)
        await server.start()
        assert answers(server)
        await server.stop()
        await server.stop()
        assert not answers(server)
        folder = server.child.log.parent
        await server.start()
        processes = [psutil.Process(server.child.pid), *psutil.Process(server.child.pid).children()]
    assert not folder.exists()
    assert not any(process.is_running() for process in processes)
    await server.aclose()


async def test_it_cannot_be_killed_before_it_was_started() -> None:
    server = PostgresServer()
    with pytest.raises(StackError, match="not started"):
        server.kill()
    await server.aclose()
