"""What every way to the registry must do: the real one, and the one in memory that other tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.http_transport import HttpTransport
from heartbeat.transport import Transport
from tests.heartbeat.fakes import MemoryTransport, Registry, a_beat, served
from wire import LINE_PATH, Down, Refused, Reply, Up, decode_down, encode


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest_asyncio.fixture(params=["memory", "HTTP"])
async def transport(registry: Registry, request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    if request.param == "memory":
        yield MemoryTransport(registry)
        return
    async with served(registry) as url:
        transport = HttpTransport(url)
        yield transport
        await transport.close()
        await transport.close()


async def test_a_beat_is_answered(transport: Transport, registry: Registry) -> None:
    registry.reply = Reply(ttl=7, interval=3, line=LINE_PATH)
    beat = a_beat(prompt="Зоя", sequence=9)
    assert await transport.post(beat) == registry.reply
    assert registry.beats == [beat]


async def test_a_refusal_tells_why(transport: Transport, registry: Registry) -> None:
    registry.refused = Refused(code="stopped", message="it said goodbye", retry_after=2.5)
    with pytest.raises(RefusedError) as raised:
        await transport.post(a_beat())
    assert raised.value.refused == registry.refused


async def test_a_line_carries_beats_up_and_orders_down(transport: Transport, registry: Registry) -> None:
    line = await transport.open_line(LINE_PATH)
    await line.send(encode(Up(beat=a_beat())))
    assert decode_down(await line.receive()) == Down(reply=registry.reply)
    registry.lines[0].order("stop", "7", reason="a test")
    command = decode_down(await line.receive()).command
    assert command is not None
    assert (command.id, command.order, command.reason) == ("7", "stop", "a test")
    assert registry.by_line == [True]
    await line.close()
    await line.close()


async def test_a_line_that_the_registry_closes_is_broken(transport: Transport, registry: Registry) -> None:
    line = await transport.open_line(LINE_PATH)
    await registry.until(lambda: bool(registry.lines))
    registry.lines[0].break_()
    with pytest.raises(UnreachableError, match="closed"):
        await line.receive()
    await line.close()
    with pytest.raises(UnreachableError):
        await line.send(encode(Up(beat=a_beat())))


async def test_a_line_that_is_closed_here_is_broken(transport: Transport) -> None:
    line = await transport.open_line(LINE_PATH)
    await line.close()
    with pytest.raises(UnreachableError):
        await line.receive()


async def test_a_line_may_be_had_by_nobody(transport: Transport, registry: Registry) -> None:
    registry.has_line = False
    with pytest.raises(UnreachableError):
        await transport.open_line(LINE_PATH)


async def test_there_may_be_no_such_line(transport: Transport) -> None:
    with pytest.raises(UnreachableError):
        await transport.open_line("/api/elsewhere")
