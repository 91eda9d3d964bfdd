"""Real sockets on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from stack.ports import free_port
from stack.proxy import Proxy

SHORT = 0.2
"""Seconds in which something would long have come."""


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """Port of a server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1_000):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def proxy(echo: int) -> AsyncIterator[Proxy]:
    async with Proxy(echo) as proxy:
        yield proxy


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, text: bytes) -> bytes:
        self.writer.write(text)
        return await self.reader.readexactly(len(text))

    async def hears_nothing(self) -> bool:
        try:
            async with asyncio.timeout(SHORT):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    async def ends(self) -> bool:
        """Whether the other side closes or breaks it."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def aclose(self) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Client]:
    client = await Client.of(proxy.port)
    assert await client.ask(b"first") == b"first"
    yield client
    await client.aclose()


async def test_what_was_held_arrives_whole_when_it_passes_again(proxy: Proxy, client: Client) -> None:
    proxy.hold()
    client.writer.write(b"second")
    assert await client.hears_nothing()
    await proxy.pass_on()
    assert await client.reader.readexactly(6) == b"second"
    assert await client.ask(b"third") == b"third"


async def test_a_new_connection_is_taken_in_silence_and_served_later(proxy: Proxy) -> None:
    proxy.hold()
    late = await Client.of(proxy.port)
    late.writer.write(b"late")
    assert await late.hears_nothing()
    await proxy.pass_on()
    assert await late.reader.readexactly(4) == b"late"
    await late.aclose()


async def test_an_end_is_held_as_well(proxy: Proxy, client: Client) -> None:
    proxy.hold()
    client.writer.write_eof()
    assert await client.hears_nothing()
    await proxy.pass_on()
    assert await client.ends()


async def test_refusing_breaks_what_is_open_and_takes_nothing_new(proxy: Proxy, client: Client) -> None:
    port = proxy.port
    await proxy.refuse()
    assert await client.ends()
    with pytest.raises(ConnectionRefusedError):
        await Client.of(port)
    assert proxy.n_connections == 0


async def test_refusing_while_it_holds_breaks_what_is_open(proxy: Proxy, client: Client) -> None:
    proxy.hold()
    client.writer.write(b"lost")
    await proxy.refuse()
    assert await client.ends()


async def test_after_refusing_it_passes_on_the_same_port(proxy: Proxy) -> None:
    port = proxy.port
    await proxy.refuse()
    await proxy.pass_on()
    assert proxy.port == port
    again = await Client.of(port)
    assert await again.ask(b"again") == b"again"
    await again.aclose()


async def test_a_connection_to_nobody_is_closed() -> None:
    async with Proxy(free_port()) as proxy:
        client = await Client.of(proxy.port)
        assert await client.ends()
        await client.aclose()


async def test_the_answer_to_a_request_that_has_ended_still_comes(proxy: Proxy, client: Client) -> None:
    client.writer.write(b"last")
    client.writer.write_eof()
    assert await client.reader.read() == b"last"


async def test_it_may_be_closed_twice(echo: int) -> None:
    proxy = Proxy(echo)
    await proxy.start()
    await proxy.aclose()
    await proxy.aclose()
