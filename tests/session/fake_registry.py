"""A registry that takes reports and has profiles and conversations, as a real server that can also misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from wire import (
    BEATS_PATH,
    Beat,
    Conversation,
    Errors,
    Refused,
    Reply,
    ReportTaken,
    SessionReport,
    Turn,
    decode_beat,
    decode_report,
    encode,
)

TOKEN = "a-token-for-tests"


@dataclass
class FakeRegistry:
    url: str = ""
    reports: list[tuple[str, SessionReport]] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    turns: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    profiles: dict[str, object] = field(default_factory=dict)
    """By agent id; what is no profile is answered as it is."""

    misbehave: Callable[[], web.Response] | None = None
    """What every request is answered with instead."""

    hangs: bool = False
    n_asked: int = 0
    n_unchanged: int = 0
    n_connections: set[object] = field(default_factory=set)
    authorization: str | None = None
    _n_turns: dict[str, set[int]] = field(default_factory=dict)

    def texts(self, incarnation: str) -> list[str]:
        """What was said, in the order of the numbers, each once."""
        said = {
            turn.number: turn.text
            for one, report in self.reports
            if one == incarnation
            for turn in report.turns
        }
        return [said[number] for number in sorted(said)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.n_asked += 1
        self.n_connections.add(request.transport)
        self.authorization = request.headers.get("Authorization")
        if self.hangs:
            await asyncio.sleep(3600)
        if self.misbehave is not None:
            return self.misbehave()
        parts = request.path.split("/")
        if request.path == BEATS_PATH:
            self.beats.append(decode_beat(await request.read()))
            return _json(encode(Reply(ttl=25, interval=10)))
        if request.method == "PUT":
            return self._take(parts[3], await request.read())
        if parts[-1] == "turns":
            turns = self.turns.get(parts[3])
            return (
                refused(404, "unknown_session") if turns is None else _json(encode(Conversation(turns=turns)))
            )
        return self._profile(parts[3], request.headers.get("If-None-Match"))

    def _take(self, incarnation: str, body: bytes) -> web.Response:
        report = decode_report(body)
        self.reports.append((incarnation, report))
        numbers = self._n_turns.setdefault(incarnation, set())
        numbers |= {turn.number for turn in report.turns}
        n_turns = next(number for number in range(len(numbers) + 1) if number not in numbers)
        n_events = report.events[-1].number + 1 if report.events else None
        return _json(encode(ReportTaken(n_turns=n_turns, n_events=n_events)))

    def _profile(self, agent_id: str, etag: str | None) -> web.Response:
        if agent_id not in self.profiles:
            return refused(404, "unknown_profile")
        profile = self.profiles[agent_id]
        current = f'"{hash(json.dumps(profile))}"'
        if etag == current:
            self.n_unchanged += 1
            return web.Response(status=304)
        body = {
            "agentId": agent_id,
            "profile": profile,
            "updatedAt": "2026-01-01T00:00:00Z",
            "updatedBy": "x",
        }
        answer = _json(json.dumps(body).encode())
        answer.headers["ETag"] = current
        return answer


def refused(status: int, code: str, *, message: str = "no") -> web.Response:
    return _json(encode(Errors(error=Refused(code=code, message=message))), status=status)


def _json(body: bytes, *, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


@asynccontextmanager
async def serving() -> AsyncIterator[FakeRegistry]:
    registry = FakeRegistry()
    app = web.Application(client_max_size=10**7)
    app.router.add_route("*", "/{path:.*}", registry.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    registry.url = f"http://{host}:{port}"
    try:
        yield registry
    finally:
        await runner.cleanup()
