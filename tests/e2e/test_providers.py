"""Providers that fail and come back: the call goes on, and says so (complaints 24 to 26)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from config.provider_list import PROVIDERS
from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.ports import free_port
from stack.worker import Worker
from tests.e2e.test_presence import ask, greeted
from wire import DEFAULT_PROFILE

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    async with LiveKitServer() as server:
        yield server


@pytest.fixture
def dead_url() -> str:
    """Nobody listens there."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.mark.timeout(240)
async def test_speech_to_text_refuses_for_a_while_and_the_call_lives(
    livekit: LiveKitServer, models: LocalModels, room: str, tmp_path: Path
) -> None:
    """Longer than the 18 s after which LiveKit's own session closes for good."""
    async with (
        LocalModels() as mortal,
        Worker(livekit.address, models_url=mortal.url, folder=tmp_path) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        await greeted(guest)
        await mortal.stop()
        failed = await worker.wait_for_record("provider.failed", timeout=40)
        assert failed["part"] == "stt"
        await asyncio.sleep(25)
        assert len(guest.agents) == 1
        assert len(worker.records("provider.failed")) == 1, "said once"
        await mortal.start()
        await worker.wait_for_record("provider.recovered", timeout=30) if worker.records(
            "provider.recovered"
        ) else None
        await asyncio.sleep(3)  # the next try
        await ask(guest)
        recovered = await worker.wait_for_record("provider.recovered", timeout=30)
        assert recovered["part"] == "stt"


async def test_the_model_and_the_voice_are_dead_and_the_clip_still_plays(
    livekit: LiveKitServer, models: LocalModels, room: str, dead_url: str, tmp_path: Path
) -> None:
    dead = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{dead_url}/v1", "TTS_PROVIDER": "openai"}
    async with (
        Worker(livekit.address, models_url=models.url, env=dead, folder=tmp_path) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        loop = asyncio.get_running_loop()
        # The greeting fails first, and that is said.
        clip = await guest.hear(after=0, limit=30, pause=1.2)
        assert "voice" in clip.text.lower()
        said = await guest.say("Where is the swimming pool?")
        clip = await guest.hear(after=said.ended_at, limit=40, pause=1.2)
        assert "think" in clip.text.lower()
        assert {record["part"] for record in worker.records("provider.failed")} == {"tts", "llm"}
        await asyncio.sleep(2)
        assert len(guest.agents) == 1
        assert loop.time() > said.ended_at


@pytest.mark.timeout(240)
async def test_without_any_model_the_agent_comes_and_says_so_and_recovers(
    livekit: LiveKitServer, models: LocalModels, room: str, tmp_path: Path
) -> None:
    async with LocalModels() as mortal:
        await mortal.stop()
        async with (
            Worker(livekit.address, models_url=mortal.url, folder=tmp_path),
            Caller(livekit.address, room, models_url=models.url) as guest,
        ):
            clip = await guest.hear(after=0, limit=30, pause=1.2)
            assert "sorry" in clip.text.lower()
            await mortal.start()
            await asyncio.sleep(3)  # the next try
            await guest.wait_for_silence(limit=40)
            await ask(guest)


def write_profile(folder: Path, **chosen: str) -> None:
    """Ada, with these choices, for every agent of a worker in `folder`."""
    profiles = folder / "home" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "default.json").write_text(DEFAULT_PROFILE.model_copy(update=chosen).model_dump_json())


async def test_a_profile_whose_providers_cannot_be_had_is_a_call_as_any_other(
    livekit: LiveKitServer, models: LocalModels, room: str, tmp_path: Path
) -> None:
    """Unknown, without a plugin or a key, and with a voice that nobody has."""
    write_profile(tmp_path, stt="hal", llm="anthropic/claude-x", tts="cartesia", voice="bob")
    keys = {
        key
        for name in ("anthropic", "cartesia")
        for way in PROVIDERS[name].ways.values()
        for key in way.keys[0]
    }
    async with (
        Worker(
            livekit.address, models_url=models.url, env=dict.fromkeys(keys, ""), folder=tmp_path
        ) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        await greeted(guest)
        await ask(guest)
        told = worker.records("provider.fallback")
        assert sorted(record["part"] for record in told) == ["llm", "stt", "tts"]
        assert worker.records("provider.failed") == []


async def test_a_voice_and_a_model_that_do_not_answer_are_replaced_in_the_call(
    livekit: LiveKitServer, models: LocalModels, room: str, dead_url: str, tmp_path: Path
) -> None:
    """The host's own model is as dead as the profile's voice: the profile wants the models of this machine."""
    write_profile(tmp_path, tts="openai/tts-1", llm="local")
    dead = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{dead_url}/v1", "TTS_PROVIDER": "local"}
    async with (
        Worker(livekit.address, models_url=models.url, env=dead, folder=tmp_path) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        await greeted(guest)
        await ask(guest)
        (told,) = worker.records("provider.fallback")
        assert told["part"] == "tts"
        assert "does not answer" in told["reason"]
        assert worker.records("provider.failed") == []


async def test_ears_that_do_not_answer_are_replaced_in_the_call(
    livekit: LiveKitServer, models: LocalModels, room: str, dead_url: str, tmp_path: Path
) -> None:
    """What was said to them is lost: the human says it again."""
    write_profile(tmp_path, stt="openai", llm="local")
    dead = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{dead_url}/v1", "TTS_PROVIDER": "local"}
    async with (
        Worker(livekit.address, models_url=models.url, env=dead, folder=tmp_path) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        await greeted(guest)
        await guest.say("Hello, can you hear me?")
        told = await worker.wait_for_record("provider.fallback", timeout=40)
        assert told["part"] == "stt"
        await guest.wait_for_silence(limit=30, pause=1.5)
        await ask(guest)
