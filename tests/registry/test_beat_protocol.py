"""The short way of beats: whatever comes over the socket, however it is cut, the answers are the usual ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from registry.running import Registry
from tests.registry.beats import a_beat
from wire import MAX_BEAT_BYTES, Order, Said, encode_beat


class Connection:
    """A kept-alive HTTP connection, seen from the client, without a library's help."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    def request(self, body: bytes, *, more: str = "", version: str = "1.1") -> bytes:
        head = (
            f"POST /api/beats HTTP/{version}\r\nhost: {self._host}\r\n"
            f"content-length: {len(body)}\r\n{more}\r\n"
        )
        return head.encode() + body

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> tuple[int, dict[str, Any]]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
        return int(lines[0].split()[1]), json.loads(await self._reader.readexactly(length))

    async def is_closed(self) -> bool:
        return await self._reader.read(1) == b""

    async def beat(self, **fields: Any) -> tuple[int, dict[str, Any]]:
        self.send(self.request(encode_beat(a_beat(**fields))))
        return await self.answer()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def connect(url: str) -> Connection:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    return Connection(reader, writer, parts.netloc)


async def with_connection(url: str, act: Callable[[Connection], Awaitable[None]]) -> None:
    connection = await connect(url)
    try:
        await act(connection)
    finally:
        await connection.close()


async def test_first_and_later_beats_get_the_same_answer(url: str, registry: Registry) -> None:
    async def act(connection: Connection) -> None:
        first = await connection.beat()
        later = [await connection.beat() for _ in range(3)]
        assert first[0] == 200
        assert later == [first] * 3
        assert registry.fleet.get("1").beat.sequence > 0

    await with_connection(url, act)


async def test_a_beat_may_come_in_any_pieces(url: str) -> None:
    async def act(connection: Connection) -> None:
        await connection.beat()
        data = connection.request(encode_beat(a_beat(prompt="x" * 500)))
        for start in range(0, len(data), 97):
            connection.send(data[start : start + 97])
            await asyncio.sleep(0)
        assert (await connection.answer())[0] == 200

    await with_connection(url, act)


async def test_pipelined_beats_are_answered_in_order(url: str) -> None:
    async def act(connection: Connection) -> None:
        await connection.beat()
        bodies = [
            encode_beat(a_beat()),
            encode_beat(a_beat(status=Said.WARNING)),  # has to be durable first
            encode_beat(a_beat(status=Said.WARNING)),
            b"rubbish",
            encode_beat(a_beat(status=Said.WARNING)),
        ]
        connection.send(b"".join(connection.request(body) for body in bodies))
        assert [(await connection.answer())[0] for _ in bodies] == [200, 200, 200, 400, 200]

    await with_connection(url, act)


async def test_chunks_closing_and_old_versions_are_understood(url: str) -> None:
    async def act(connection: Connection) -> None:
        await connection.beat()
        body = encode_beat(a_beat())
        connection.send(
            connection.request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
            + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        )
        assert (await connection.answer())[0] == 200
        connection.send(connection.request(encode_beat(a_beat()), more="connection: close\r\n"))
        assert (await connection.answer())[0] == 200
        assert await connection.is_closed()

    await with_connection(url, act)


async def test_what_is_wrong_is_told_in_the_usual_words(url: str) -> None:
    async def act(connection: Connection) -> None:
        await connection.beat()
        connection.send(connection.request(b"{}"))
        status, body = await connection.answer()
        assert (status, body["error"]["code"]) == (400, "bad_beat")
        connection.send(connection.request(b" " * (MAX_BEAT_BYTES + 1)))
        status, body = await connection.answer()
        assert (status, body["error"]["code"]) == (413, "too_large")

    await with_connection(url, act)


async def test_a_stranger_gets_no_short_way(url: str, registry: Registry) -> None:
    async def act(connection: Connection) -> None:
        await connection.beat()
        before = registry.fleet.get("1").beat.sequence
        connection.send(connection.request(encode_beat(a_beat()), more="origin: http://evil.example\r\n"))
        assert (await connection.answer())[0] == 403
        assert registry.fleet.get("1").beat.sequence == before

    await with_connection(url, act)


async def test_orders_ride_in_the_reply_as_ever(url: str, registry: Registry) -> None:
    async def act(connection: Connection) -> None:
        await connection.beat()
        agent = registry.fleet.get("1")
        registry.orders.give(agent, Order.STOP, reason="maintenance", by="test")
        _, body = await connection.beat()
        assert [command["order"] for command in body["commands"]] == ["stop"]
        _, body = await connection.beat()
        assert "commands" not in body

    await with_connection(url, act)
