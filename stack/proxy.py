"""A TCP proxy that can be told to pass, to hold everything in silence, or to refuse: a network that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from stack.errors import StackError

_HOST = "127.0.0.1"
_CHUNK_BYTES = 65_536


class Proxy:
    """Listens on a port of 127.0.0.1 and passes connections on to another one, as a context manager.

    Args:
        target_port: On 127.0.0.1. Whoever listens there may come later, and may go.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._port: int | None = None
        self._server: asyncio.Server | None = None
        self._is_passing = asyncio.Event()
        self._is_passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        if self._port is None:
            raise StackError("the proxy was not started")
        return self._port

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    @property
    def n_connections(self) -> int:
        """Connections that are open now, in whatever state."""
        return len(self._tasks)

    async def start(self) -> None:
        """Listen, on the same port each time."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, _HOST, self._port or 0)
            self._port = self._server.sockets[0].getsockname()[1]

    async def pass_on(self) -> None:
        """Be a wire again. What was held goes on its way, as TCP sends again what was lost."""
        self._is_passing.set()
        await self.start()

    def hold(self) -> None:
        """Let nothing through and close nothing: there is only silence. New connections are taken and not served."""
        self._is_passing.clear()

    async def refuse(self) -> None:
        """Break all connections and take no new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if server is not None:
            await server.wait_closed()

    async def aclose(self) -> None:
        """May be called twice."""
        await self.refuse()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer), name="proxy-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            await self._is_passing.wait()
            far_reader, far_writer = await asyncio.open_connection(_HOST, self._target_port)
            self._writers.add(far_writer)
            writers.append(far_writer)
            await _both(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except OSError:
            return  # nobody listens there, or one side broke: `finally` tells the other
        finally:
            for each in writers:
                self._writers.discard(each)
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes, until it ends; then end the other side too, and leave its answer time to come."""
        while True:
            data = await reader.read(_CHUNK_BYTES)
            await self._is_passing.wait()
            if not data:
                with suppress(OSError):  # it may have gone by itself
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


async def _both(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    """Run two coroutines at once, and end both when one fails."""
    tasks = {asyncio.create_task(one, name="proxy-up"), asyncio.create_task(other, name="proxy-down")}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
