"""Asking for one word: our models, LiveKit's fallback adapter and OpenAI's bare client, through the same code."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import openai
from livekit.agents.llm import ChatContext, FallbackAdapter
from livekit.plugins.openai import LLM

from bench.llm.figures import NEVER
from config import Settings
from llm.models import Models
from llm.requests import ChatRequest
from stack.ports import free_port

MODEL = "stub"
_QUESTION = "How is the day?"
_LIMIT = 20.0
"""Seconds after which a word is taken to come never."""

Words = AsyncGenerator[str, None]


class Asker(Protocol):
    """Can be asked again and again."""

    def words(self) -> Words:
        """An answer in pieces, without the empty ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one request, in seconds since it."""

    first_word: float
    """`NEVER` when there was none."""

    ended: float
    """`NEVER` when it was given up waiting."""

    error: str
    """Name of the exception that ended it; empty for none."""

    text: str


async def ask(asker: Asker, *, to_the_end: bool = False) -> Answer:
    """Ask, wait for the first word and go away, or read `to_the_end`."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    first_word, ended, error, text = NEVER, NEVER, "", ""
    try:
        async with asyncio.timeout(_LIMIT), aclosing(asker.words()) as words:
            async for word in words:
                if first_word == NEVER:
                    first_word = loop.time() - began_at
                text += word
                if not to_the_end:
                    break
        ended = loop.time() - began_at
    except TimeoutError:
        error = "TimeoutError"
    except Exception as caught:  # noqa: BLE001  # each side has errors of its own
        error, ended = type(caught).__name__, loop.time() - began_at
    return Answer(first_word=first_word, ended=ended, error=error, text=text)


class OurModels:
    """`Models`, started."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._request = ChatRequest(messages=[{"role": "user", "content": _QUESTION}])

    async def words(self) -> Words:
        async with aclosing(self.models.stream(self._request)) as chunks:
            async for chunk in chunks:
                choices = chunk["choices"]
                if choices and (word := choices[0]["delta"].get("content")):
                    yield word


class Fallback:
    """LiveKit's adapter, with its defaults."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._llms = [LLM(model=MODEL, base_url=url, api_key="key") for url in urls]
        self._adapter = FallbackAdapter(list(self._llms))

    async def words(self) -> Words:
        context = ChatContext.empty()
        context.add_message(role="user", content=_QUESTION)
        async with self._adapter.chat(chat_ctx=context) as stream:
            async for chunk in stream:
                if chunk.delta is not None and chunk.delta.content:
                    yield chunk.delta.content

    async def aclose(self) -> None:
        await self._adapter.aclose()
        for each in self._llms:
            await each.aclose()


class BareClient:
    """OpenAI's own client, as its manual shows it."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    async def words(self) -> Words:
        stream = await self._client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": _QUESTION}], stream=True
        )
        async with stream:
            async for chunk in stream:
                if chunk.choices and (word := chunk.choices[0].delta.content):
                    yield word


def settings_of(urls: Sequence[str] = (), *, ports: Sequence[int] = ()) -> Settings:
    """Nothing but these servers, whatever the environment says; searched for on `ports` of this machine."""
    nobody = f"http://127.0.0.1:{free_port()}"  # who has no server at all asks the local models
    return Settings(
        llm_urls=tuple(f"{url}#{MODEL}" for url in urls),
        use_cloud_llm=False,
        openai_api_key=None,
        openai_base_url=None,
        local_models_url=nobody,
        llm_container_name=(),
        agent_backend_url=None,
        agent_auto_discovery=bool(ports),
        agent_discovery_hosts=("127.0.0.1",),
        agent_discovery_ports=tuple(ports),
    )


@asynccontextmanager
async def our_models(urls: Sequence[str]) -> AsyncIterator[OurModels]:
    async with Models(settings_of(urls)) as models:
        yield OurModels(models)


@asynccontextmanager
async def fallback(urls: Sequence[str]) -> AsyncIterator[Fallback]:
    peer = Fallback(urls)
    try:
        yield peer
    finally:
        await peer.aclose()


def own_address() -> str:
    """An address of this machine that is not its loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody has it
        address: str = probe.getsockname()[0]
        return address


def be_quiet() -> None:
    """Failures are what is measured: they need no log."""
    for name in ("livekit", "llm", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
