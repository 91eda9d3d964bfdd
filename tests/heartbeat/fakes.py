"""A registry for tests, in memory and behind HTTP: the same behaviour, two ways to reach it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import WSMsgType, web

from heartbeat.errors import RefusedError, UnreachableError
from heartbeat.facts import Facts, Reading
from heartbeat.transport import OpenLine
from wire import (
    BEATS_PATH,
    LINE_PATH,
    Beat,
    Command,
    Down,
    Errors,
    LogLines,
    Outcome,
    Refused,
    Reply,
    Up,
    decode_beat,
    decode_up,
    encode,
)

TOKEN = "a-token-for-tests"
ID = "11111111-2222-4333-8444-555555555555"


def facts(**changes: object) -> Facts:
    return Facts(**{"agent_id": "ada", "name": "Ada", **changes})  # type: ignore[arg-type]  # of a test


def reading() -> Reading:
    return Reading(process_id=1)


def a_beat(**changes: object) -> Beat:
    beat = decode_beat(b'{"agentId": "ada", "incarnation": "i", "sequence": 1, "status": "running"}')
    return msgspec.structs.replace(beat, **changes)


@dataclass(kw_only=True)
class Registry:
    """What a registry does with beats, and what a test has it do wrong."""

    reply: Reply = field(default_factory=lambda: Reply(ttl=25, interval=10))
    refusals: list[Refused] = field(default_factory=list)
    """For the next beats, one each."""

    refused: Refused | None = None
    """For all beats."""

    superseded: set[str] = field(default_factory=set)
    """Agent ids that another process has."""

    is_away: bool = False
    is_hung: bool = False
    """Takes what comes, and answers nothing."""

    has_line: bool = True
    """Lines can be opened, whether they are offered or not."""

    beats: list[Beat] = field(default_factory=list)
    by_line: list[bool] = field(default_factory=list)
    """Of each beat."""

    at: list[float] = field(default_factory=list)
    """When each beat came, on the loop's clock."""

    outcomes: list[Outcome] = field(default_factory=list)
    logs: list[LogLines] = field(default_factory=list)
    lines: list[LineEnd] = field(default_factory=list)
    n_tries: int = 0
    """To open a line."""

    tokens: list[str | None] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, beat: Beat, *, by_line: bool = False) -> Reply | Refused:
        if beat.agent_id in self.superseded:
            return Refused(code="superseded", message="another process has this id")
        refused = self.refusals.pop(0) if self.refusals else self.refused
        if refused is not None:
            return refused
        self.beats.append(beat)
        self.by_line.append(by_line)
        self.at.append(asyncio.get_running_loop().time())
        self.came.set()
        return self.reply

    def take_frame(self, up: Up, line: LineEnd) -> None:
        if up.outcome is not None:
            self.outcomes.append(up.outcome)
        if up.logs is not None:
            self.logs.append(up.logs)
        if up.beat is not None and not self.is_hung:
            answer = self.take(up.beat, by_line=True)
            line.send(Down(refused=answer) if isinstance(answer, Refused) else Down(reply=answer))
        self.came.set()

    async def until(self, condition: Callable[[], bool], *, limit: float = 3.0) -> None:
        """Wait for something that comes with a frame or a beat."""
        async with asyncio.timeout(limit):
            while not condition():
                self.came.clear()
                await self.came.wait()


@dataclass
class LineEnd:
    """The registry's end of a line."""

    put: Callable[[bytes | None], None]
    is_over: bool = False

    def send(self, down: Down) -> None:
        self.put(encode(down))

    def send_rubbish(self, frame: bytes) -> None:
        self.put(frame)

    def break_(self) -> None:
        self.put(None)

    def order(self, order: str, command_id: str = "1", **fields: object) -> None:
        self.send(Down(command=Command(id=command_id, order=order, **fields)))  # type: ignore[arg-type]  # of a test


class MemoryTransport:
    """Reaches a `Registry` in no time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.is_abandoned = False

    async def post(self, beat: Beat) -> Reply:
        await asyncio.sleep(0)
        if self._registry.is_away:
            raise UnreachableError("cannot connect: nobody is there")
        if self._registry.is_hung:
            await asyncio.sleep(5)
            raise UnreachableError("no answer within 5 s")
        answer = self._registry.take(beat)
        if isinstance(answer, Refused):
            raise RefusedError(answer)
        return answer

    async def open_line(self, path: str) -> OpenLine:
        await asyncio.sleep(0)
        self._registry.n_tries += 1
        if self._registry.is_away or not self._registry.has_line or path != LINE_PATH:
            raise UnreachableError("the line was not opened")
        return _MemoryLine(self._registry)

    async def close(self) -> None: ...

    def abandon(self) -> None:
        self.is_abandoned = True


class _MemoryLine:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._down: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._is_broken = False
        self._end = LineEnd(self._down.put_nowait)
        registry.lines.append(self._end)

    async def send(self, frame: bytes) -> None:
        if self._is_broken:
            raise UnreachableError("the line was closed")
        self._registry.take_frame(decode_up(frame), self._end)

    async def receive(self) -> bytes:
        frame = None if self._is_broken else await self._down.get()
        if frame is None:
            self._is_broken = True
            raise UnreachableError("the line was closed")
        return frame

    async def close(self) -> None:
        self._is_broken = True


@asynccontextmanager
async def served(registry: Registry, *, token: str | None = None) -> AsyncIterator[str]:
    """The URL of `registry` behind HTTP on this machine."""

    def is_allowed(request: web.Request) -> bool:
        given = request.headers.get("Authorization")
        registry.tokens.append(given)
        return token is None or given == f"Bearer {token}"

    def refusal(status: int, refused: Refused) -> web.Response:
        body = encode(Errors(error=refused))
        return web.Response(status=status, body=body, content_type="application/json")

    async def beats(request: web.Request) -> web.Response:
        if not is_allowed(request):
            return refusal(401, Refused(code="token", message="the token is wrong"))
        if registry.is_hung:
            await asyncio.sleep(30)
        answer = registry.take(decode_beat(await request.read()))
        if isinstance(answer, Refused):
            return refusal(409, answer)
        return web.Response(body=encode(answer), content_type="application/json")

    async def line(request: web.Request) -> web.StreamResponse:
        registry.n_tries += 1
        if not is_allowed(request) or not registry.has_line:
            return refusal(404, Refused(code="no_line", message="there are no lines"))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        down: asyncio.Queue[bytes | None] = asyncio.Queue()
        end = LineEnd(down.put_nowait)
        registry.lines.append(end)
        registry.came.set()

        async def send() -> None:
            while (frame := await down.get()) is not None:
                await socket.send_str(frame.decode())
            await socket.close()

        sending = asyncio.create_task(send(), name="fake-line")
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    registry.take_frame(decode_up(message.data.encode()), end)
        finally:
            sending.cancel()
            end.is_over = True
            registry.came.set()
        return socket

    app = web.Application()
    app.router.add_post(BEATS_PATH, beats)
    app.router.add_get(LINE_PATH, line)
    async with serving(app) as url:
        yield url
    for end in registry.lines:
        end.break_()


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """The URL of `app` on a free port of this machine."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
