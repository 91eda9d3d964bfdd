from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from config import cache_folder
from local_models import weights
from local_models.audio import Samples
from local_models.loading import load_models, names_of
from local_models.models import Models
from local_models.server import create_app
from local_models.status import Status
from local_models.voices import NanoVoice, Speaker

Serve = Callable[[Models], Awaitable[str]]


@pytest.fixture(scope="session")
def models() -> Models:
    """The real models. Whoever asks for them needs a longer time limit: they are loaded once, in seconds."""
    for each in weights.ALL:
        if not weights.are_present(each, cache_folder()):
            pytest.skip("the weights are not here; run: python -m local_models fetch")
    return load_models(cache_folder(), say=lambda _: None)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server for some models; gives its URL."""

    async def start(models: Models) -> str:
        clock = iter(range(1_000_000))
        app = create_app(models, Status(models, names=names_of(models), clock=lambda: float(next(clock))))
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async with AsyncExitStack() as stack:
        yield start


@pytest.fixture
async def url(models: Models, serve: Serve) -> str:
    """A server with the real models."""
    return await serve(models)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(scope="session")
def said() -> Callable[[str], Samples]:
    """A caller: half a second of near silence, the text, and a second of near silence, at 16 kHz."""
    speaker = Speaker(NanoVoice())

    def say(text: str) -> Samples:
        noise = np.random.default_rng(1)
        voice = speaker.speak(text, "en-US")
        sound = noise.normal(0, 0.0005, 8_000 + len(voice) + 16_000).astype(np.float32)
        sound[8_000 : 8_000 + len(voice)] += voice
        return sound

    return say
