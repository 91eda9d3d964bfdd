"""A server that speaks as much of E2B's protocol as its client needs, and can misbehave.

The API that makes and ends sandboxes, and a sandbox's code interpreter, which answers with one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.llm.tools.serving import served

KEY = "e2b_a_key_for_tests"
SANDBOX_TOKEN = "a-token-of-a-sandbox"


def stdout(text: str) -> dict[str, Any]:
    return {"type": "stdout", "text": text, "timestamp": 1}


def stderr(text: str) -> dict[str, Any]:
    return {"type": "stderr", "text": text, "timestamp": 1}


def result(text: str, **kinds: str) -> dict[str, Any]:
    return {"type": "result", "text": text, "is_main_result": True, **kinds}


def error(name: str, value: str) -> dict[str, Any]:
    return {
        "type": "error",
        "name": name,
        "value": value,
        "traceback": f"\x1b[31mTraceback\x1b[0m\n{name}: {value}",
    }


@dataclass
class FakeE2B:
    url: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    """What a program says."""

    goes_on: bool = False
    """Whether it never ends after that."""

    repeats: int = 1
    """How often it says it."""

    create_status: int = 201
    execute_status: int = 200
    may_create: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared = a sandbox that is being made is not ready."""

    n_together: int = 0
    """Sandboxes that are ready only once as many have been asked for."""

    is_executing: asyncio.Event = field(default_factory=asyncio.Event)
    created: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the requests."""

    executed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """Ids of sandboxes."""

    async def create(self, request: web.Request) -> web.Response:
        if request.headers.get("X-API-Key") != KEY:
            return _refused(401)
        self.created.append(await request.json())
        number = len(self.created)
        if self.n_together:
            (self.may_create.set if len(self.created) >= self.n_together else self.may_create.clear)()
        await self.may_create.wait()
        if self.create_status != 201:
            return _refused(self.create_status)
        sandbox = {
            "sandboxID": f"sandbox-{number}",
            "templateID": "code-interpreter-v1",
            "clientID": "client",
            "envdVersion": "0.4.0",
            "envdAccessToken": SANDBOX_TOKEN,
            "domain": None,
        }
        return web.json_response(sandbox, status=201)

    async def execute(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["E2B-Sandbox-Id"] in {f"sandbox-{n + 1}" for n in range(len(self.created))}
        assert request.headers["X-Access-Token"] == SANDBOX_TOKEN
        self.executed.append((await request.json())["code"])
        self.is_executing.set()
        if self.execute_status != 200:
            return _refused(self.execute_status)
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(self.repeats):
            for line in self.lines:
                await answer.write(json.dumps(line).encode() + b"\n")
        if self.goes_on:
            await asyncio.sleep(3600)
        await answer.write(b'{"type": "number_of_executions", "execution_count": 1}\n')
        return answer

    async def end(self, request: web.Request) -> web.Response:
        assert request.headers["X-API-Key"] == KEY
        self.ended.append(request.match_info["id"])
        return web.Response(status=204)


def _refused(status: int) -> web.Response:
    return web.json_response({"code": status, "message": f"no, not with {KEY}"}, status=status)


@asynccontextmanager
async def serving() -> AsyncIterator[FakeE2B]:
    e2b = FakeE2B()
    e2b.may_create.set()
    app = web.Application()
    app.router.add_post("/v2/sandboxes", e2b.create)
    app.router.add_delete("/sandboxes/{id}", e2b.end)
    app.router.add_post("/execute", e2b.execute)
    async with served(app) as e2b.url:
        yield e2b
