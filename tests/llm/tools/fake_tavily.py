"""A server that speaks as much of Tavily's protocol as its client needs, and can misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.llm.tools.serving import served

KEY = "tvly-a-key-for-tests"


def page(title: str, content: str) -> dict[str, Any]:
    return {
        "title": title,
        "url": f"https://{title.lower()}.example/page",
        "content": content,
        "score": 0.9,
        "raw_content": None,
    }


@dataclass
class FakeTavily:
    url: str = ""
    results: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    """Of every answer, other than 200 with the words of an error that hold the key."""

    body: bytes | None = None
    """What is answered instead of results."""

    hangs: bool = False
    queries: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the requests."""

    async def search(self, request: web.Request) -> web.Response:
        self.queries.append(await request.json())
        if self.hangs:
            await asyncio.sleep(3600)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _refused(401)
        if self.status != 200:
            return _refused(self.status)
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        answer = {
            "query": self.queries[-1]["query"],
            "answer": None,
            "images": [],
            "results": self.results,
            "response_time": 0.01,
        }
        return web.json_response(answer)


def _refused(status: int) -> web.Response:
    return web.json_response({"detail": {"error": f"no, not with {KEY}"}}, status=status)


@asynccontextmanager
async def serving() -> AsyncIterator[FakeTavily]:
    tavily = FakeTavily()
    app = web.Application()
    app.router.add_post("/search", tavily.search)
    async with served(app) as tavily.url:
        yield tavily
