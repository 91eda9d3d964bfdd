"""What tests of language models share: settings, pieces of answers, and servers that are no servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from config import Settings
from llm.chunks import Chunk, text_of
from llm.discovery import Found
from llm.endpoints import Endpoint, Source
from llm.health import Met, Outcome
from llm.models import Models
from llm.outcomes import AskingError, failed
from llm.pool import Pool
from llm.requests import ChatRequest
from llm.transport import Transport
from stack.llm_stub import LlmStub

KEY = "sk-a-key-that-nobody-may-see"

HELLO = ChatRequest(messages=[{"role": "user", "content": "Hello"}])

FAR_AWAY = 10**6
"""Seconds that no test waits for."""


def settings_of(**fields: Any) -> Settings:
    """Settings that look for nothing by themselves."""
    return Settings(**{"agent_auto_discovery": False, **fields})


def endpoint(name: str = "one.example", **fields: Any) -> Endpoint:
    """At http://`name`/v1, so that `name` is its id; distant unless the name is this machine's."""
    given = {"base_url": f"http://{name}/v1", "source": Source.URL, "models": ("m",), **fields}
    return Endpoint(**given)


def pool_of(
    *endpoints: Endpoint, clock: Callable[[], float], random: float = 0.0, max_failures: int = 1
) -> Pool:
    pool = Pool(clock=clock, random=lambda: random, max_failures=max_failures)
    pool.replace_all(endpoints)
    return pool


def models_of(*stubs: LlmStub, discover: FakeDiscover | None = None, **fields: Any) -> Models:
    """Models over these servers, in this order, that nobody probes unless the test says so."""
    given = {"agent_health_check_enabled": False, "llm_first_token_timeout": 0.3, **fields}
    urls = given.pop("llm_urls", tuple(stub.url for stub in stubs))
    settings = settings_of(llm_urls=urls, **given)
    return Models(settings, discover=discover or FakeDiscover(), random=lambda: 0.0)


async def said(answer: AsyncIterator[Chunk]) -> str:
    """All words of an answer."""
    return "".join([text_of(chunk) async for chunk in answer])


# -- pieces


def piece(finish: str | None = None, **delta: Any) -> Chunk:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def role() -> Chunk:
    return piece(role="assistant", content="")


def word(text: str) -> Chunk:
    return piece(content=text)


def end(reason: str = "stop") -> Chunk:
    return piece(reason)


USAGE: Chunk = {"id": "c", "choices": [], "usage": {"total_tokens": 7}}


def refusal(status: int = 400) -> AskingError:
    outcome = Outcome(met=Met.CANCELLED, reason=f"HTTP {status}: too long")
    return AskingError(outcome, status=status, is_refusal=True)


def missing(model: str) -> AskingError:
    outcome = Outcome(met=Met.MISCONFIGURED, reason=f"it has no model {model}")
    return AskingError(outcome, status=404, is_model_missing=True)


# -- plays

Play = Callable[[Mapping[str, Any]], AsyncGenerator[Chunk, None]]
"""How an endpoint answers a request's body."""


def plays(*steps: Chunk | float | Exception) -> Play:
    """One after another: a piece is sent, a number is seconds of silence, an error is raised."""

    async def play(_: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, dict):
                yield step
            else:
                await asyncio.sleep(step)

    return play


def answers(text: str = "Good day", *, first: float = 0.0) -> Play:
    """With these words, after `first` seconds."""
    return plays(role(), first, *(word(f"{each} ") for each in text.split()), end())


def hangs() -> Play:
    return plays(FAR_AWAY)


def fails(reason: str = "cannot connect", *, after: float = 0.0) -> Play:
    return plays(after, failed(reason))


class FakeTransport(Transport):
    """Opens no connections: each endpoint, by its id, plays what it was told."""

    def __init__(self, **chats: Play) -> None:
        super().__init__()
        self.chats: dict[str, Play] = dict(chats)
        self.lists: dict[str, Callable[[], Awaitable[tuple[str, ...]]]] = {}
        self.asked: list[tuple[str, Any]] = []
        """Chats, by endpoint and model, in order."""
        self.bodies: list[dict[str, Any]] = []
        self.proven: list[bool] = []
        """Whether each was known to have answered before."""
        self.listed: list[str] = []
        """Questions for the list of models, by endpoint."""
        self.n_open = 0

    @asynccontextmanager
    async def answer(
        self, endpoint: Endpoint, body: Mapping[str, Any], *, is_proven: bool = False
    ) -> AsyncIterator[AsyncIterator[Chunk]]:
        self.asked.append((endpoint.id, body.get("model")))
        self.bodies.append(dict(body))
        self.proven.append(is_proven)
        chunks = self.chats[endpoint.id](body)
        self.n_open += 1
        try:
            yield chunks
        finally:
            self.n_open -= 1
            await chunks.aclose()

    async def models(self, endpoint: Endpoint, *, limit: float) -> tuple[str, ...]:
        self.listed.append(endpoint.id)
        told = self.lists.get(endpoint.id)
        if told is None:
            return ("m",)
        try:
            async with asyncio.timeout(limit):
                return await told()
        except TimeoutError as error:
            raise failed(f"no answer in {limit:g} s") from error


def lists(*names: str, after: float = 0.0) -> Callable[[], Awaitable[tuple[str, ...]]]:
    async def tell() -> tuple[str, ...]:
        await asyncio.sleep(after)
        return names

    return tell


def lists_not(error: Exception, *, after: float = 0.0) -> Callable[[], Awaitable[tuple[str, ...]]]:
    async def tell() -> tuple[str, ...]:
        await asyncio.sleep(after)
        raise error

    return tell


class FakeDiscover:
    """Finds what it is told."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.found = Found(endpoints=endpoints)
        self.looks: list[tuple[float, bool]] = []
        """When it was asked, and whether for this machine only."""
        self.takes = 0.0
        self.breaks = False
        self.n_closed = 0

    async def look(self, *, nearby_only: bool = False) -> Found:
        self.looks.append((asyncio.get_running_loop().time(), nearby_only))
        await asyncio.sleep(self.takes)
        if self.breaks:
            raise RuntimeError("looking broke")
        return self.found

    async def aclose(self) -> None:
        self.n_closed += 1
