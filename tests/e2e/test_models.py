"""Language models that fail in the middle of a call, and come back (complaints 23 to 26)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.llm_stub import Behaviour, LlmStub
from stack.local_models import LocalModels
from stack.until import until
from stack.worker import Worker
from tests.e2e.test_presence import greeted

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "Please tell me the wi-fi password."
ELEPHANTS = "The elephants are dancing in the garden."
TIGERS = "The tigers are sleeping on the roof."

REACH = 10.0
"""Seconds from the end of the question until something is heard, whatever the model does."""


@pytest_asyncio.fixture(loop_scope="session")
async def stub() -> AsyncIterator[LlmStub]:
    async with LlmStub(answer=ELEPHANTS, delay=0.05) as stub:
        yield stub


def is_told(story: str, heard: str) -> bool:
    """One of its long words was understood: not every one of them is, each time."""
    return any(word in heard.lower() for word in story.lower().strip(".").split() if len(word) > 3)


def env(*stubs: LlmStub) -> dict[str, str]:
    return {"LLM_URLS": ",".join(stub.url for stub in stubs), "LLM_FIRST_TOKEN_TIMEOUT": "1"}


def _host(stub: LlmStub) -> str:
    """As the worker names it."""
    return f"127.0.0.1:{stub.port}"


async def heard_after(guest: Caller) -> tuple[str, float]:
    """Ask. Returns what was heard then, and how long after the question it began."""
    said = await guest.say(QUESTION)
    answer = await guest.hear(after=said.ended_at, limit=40, pause=1.2)
    return answer.text.lower(), answer.started_at - said.ended_at


@pytest.mark.timeout(240)
async def test_the_next_model_answers_when_the_first_one_fails_in_a_turn(
    livekit: LiveKitServer, models: LocalModels, stub: LlmStub, room: str, tmp_path: Path
) -> None:
    async with (
        LlmStub(answer=TIGERS, delay=0.05) as other,
        Worker(livekit.address, models_url=models.url, env=env(stub, other), folder=tmp_path) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        await greeted(guest)
        text, _ = await heard_after(guest)
        assert is_told(ELEPHANTS, text)
        for behaviour in (Behaviour.DIES_EARLY, Behaviour.HANG):
            await guest.wait_for_silence(limit=40)
            stub.behaviour = behaviour
            text, took = await heard_after(guest)
            assert is_told(TIGERS, text), f"{behaviour}: {text}"
            assert took <= REACH, behaviour
        await guest.wait_for_silence(limit=40)
        assert len(guest.agents) == 1
        switched = worker.records("llm.switched")
        assert any(record["source"] == _host(stub) and record["target"] for record in switched)
        assert worker.records("provider.failed") == []


@pytest.mark.timeout(240)
async def test_without_any_model_the_agent_says_so_and_answers_by_itself_when_one_is_back(
    livekit: LiveKitServer, models: LocalModels, stub: LlmStub, room: str, tmp_path: Path
) -> None:
    async with (
        Worker(livekit.address, models_url=models.url, env=env(stub), folder=tmp_path) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        loop = asyncio.get_running_loop()
        await greeted(guest)
        await stub.kill()
        text, took = await heard_after(guest)
        assert "think" in text
        assert took <= REACH
        await asyncio.sleep(10)
        assert len(guest.agents) == 1
        back_at = loop.time()
        await stub.start()
        answer = await guest.hear(after=back_at, limit=20)
        assert is_told(ELEPHANTS, answer.text), answer.text
        assert worker.records("call.answers_late")


@pytest.mark.timeout(240)
async def test_the_agent_starts_without_a_model_and_finds_one_that_appears(
    livekit: LiveKitServer, models: LocalModels, room: str, tmp_path: Path
) -> None:
    """It stands in no setting: it is found on a port where such servers are looked for."""
    stub = LlmStub(answer=ELEPHANTS, delay=0.05)
    await stub.start()
    await stub.stop()
    nobody = socket.socket()  # keeps the port from others, and answers nothing
    nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    nobody.bind(("127.0.0.1", stub.port))
    found = {
        "LLM_URLS": "http://127.0.0.1:9/v1",
        "AGENT_AUTO_DISCOVERY": "true",
        "AGENT_DISCOVERY_PORTS": str(stub.port),
    }
    with nobody:
        async with (
            Worker(livekit.address, models_url=models.url, env=found, folder=tmp_path) as worker,
            Caller(livekit.address, room, models_url=models.url) as guest,
        ):
            await greeted(guest)
            text, _ = await heard_after(guest)
            assert "think" in text
            nobody.close()
            async with stub:
                came_at = asyncio.get_running_loop().time()
                await until(
                    lambda: [one for one in worker.records("llm.switched") if one["target"] == _host(stub)],
                    timeout=15,
                    what="the model to be found",
                )
                answer = await guest.hear(after=came_at, limit=20)
                assert is_told(ELEPHANTS, answer.text), answer.text
