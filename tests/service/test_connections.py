"""Which clients are given up because they do not read. A server is cut off from one in `test_poll_requests`."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.connections import UNREAD_TIMEOUT, Connection

pytestmark = pytest.mark.looptime


class _Transport(asyncio.Transport):
    """Holds `n_waiting` bytes that its client has not taken."""

    def __init__(self) -> None:
        super().__init__()
        self.n_waiting = 100_000
        self.aborted_at: float | None = None

    def get_write_buffer_size(self) -> int:
        return self.n_waiting

    def abort(self) -> None:
        self.aborted_at = asyncio.get_running_loop().time()

    def close(self) -> None:
        return


async def _nothing(_: Scope, __: Receive, ___: Send) -> None:
    return


@pytest.fixture
async def transport() -> _Transport:
    return _Transport()


@pytest.fixture
async def connection(transport: _Transport) -> Connection:
    config = uvicorn.Config(_nothing, log_config=None)
    connection = Connection(config=config, server_state=ServerState(), app_state={})
    connection.connection_made(transport)
    return connection


async def test_who_takes_nothing_for_30_seconds_is_cut_off(
    connection: Connection, transport: _Transport
) -> None:
    connection.pause_writing()
    await asyncio.sleep(UNREAD_TIMEOUT - 0.1)
    assert transport.aborted_at is None
    await asyncio.sleep(60)
    assert transport.aborted_at == UNREAD_TIMEOUT == 30


async def test_who_takes_a_little_now_and_then_is_let_be(
    connection: Connection, transport: _Transport
) -> None:
    connection.pause_writing()
    for _ in range(10):
        await asyncio.sleep(UNREAD_TIMEOUT - 1)
        transport.n_waiting -= 100
    await asyncio.sleep(9)
    assert transport.aborted_at is None
    await asyncio.sleep(90)
    assert transport.aborted_at == 330


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_client_that_has_read_or_is_gone_is_not_looked_at(
    connection: Connection, transport: _Transport, *, is_lost: bool
) -> None:
    connection.pause_writing()
    await asyncio.sleep(20)
    if is_lost:
        connection.connection_lost(None)
    else:
        connection.resume_writing()
    await asyncio.sleep(90)
    assert transport.aborted_at is None


async def test_each_fall_behind_has_its_own_30_seconds(connection: Connection, transport: _Transport) -> None:
    connection.pause_writing()
    await asyncio.sleep(20)
    connection.resume_writing()
    connection.pause_writing()
    await asyncio.sleep(90)
    assert transport.aborted_at == 50
