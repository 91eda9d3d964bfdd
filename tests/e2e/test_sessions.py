"""What a real call leaves behind at the registry: turns with their times, events, latencies, files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.registry import Registry
from stack.until import until_answered
from stack.worker import Worker
from wire import DEFAULT_PROFILE

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRACE = 2.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    """A server of their own, so that no other worker takes their calls."""
    async with LiveKitServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def registry() -> AsyncIterator[Registry]:
    async with Registry() as registry:
        yield registry


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(livekit: LiveKitServer, models: LocalModels, registry: Registry) -> AsyncIterator[Worker]:
    async with Worker(
        livekit.address,
        models_url=models.url,
        env={"GRACE_PERIOD": str(GRACE), "WEB_UI_URL": registry.url, "AGENT_ID": "the worker"},
    ) as worker:
        await worker.wait_until_warm(2)
        yield worker


async def session_of(registry: Registry, agent_id: str, *, is_open: bool, n_turns: int = 0) -> dict[str, Any]:
    """The session of an agent, once it is open or over and has so many turns."""

    async def look() -> dict[str, Any] | None:
        found = (await registry.get(f"/api/sessions?agentId={agent_id}"))["sessions"]
        fits = found and found[0]["isOpen"] is is_open and found[0]["turns"] >= n_turns
        return await registry.get(f"/api/sessions/{found[0]['id']}") if fits else None

    return await until_answered(look, timeout=30, what=f"the session of {agent_id}")


async def a_call(livekit: LiveKitServer, models: LocalModels, agent_id: str) -> Caller:
    """A call in which a question is asked and answered."""
    loop = asyncio.get_running_loop()
    guest = Caller(livekit.address, f"agent-{agent_id}-room", "guest-4711", models_url=models.url)
    async with guest:
        await guest.hear(after=loop.time(), limit=40)
        said = await guest.say("Where is the swimming pool?")
        await guest.hear(after=said.ended_at, limit=40)
    return guest


async def test_a_call_leaves_a_record_behind(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, worker: Worker
) -> None:
    await a_call(livekit, models, "recorded")
    found = await session_of(registry, "recorded", is_open=False, n_turns=3)
    path = f"/api/sessions/{found['id']}"

    turns = (await registry.get(f"{path}/turns"))["turns"]
    assert [turn["role"] for turn in turns] == ["assistant", "user", "assistant"]
    assert "swimming" in turns[1]["text"].lower()
    starts = [turn["started"] for turn in turns]
    assert starts == sorted(starts)
    assert all(0.2 < turn["duration"] < 30 for turn in turns)
    assert turns[1]["delays"].keys() >= {"stt", "endOfTurn"}
    assert turns[2]["delays"].keys() >= {"llm", "tts", "total"}
    # From the end of speech to the first sound there is at least the time for the model and the voice.
    assert turns[2]["delays"]["llm"] + turns[2]["delays"]["tts"] <= turns[2]["delays"]["total"] + 0.1

    kinds = [event["kind"] for event in found["events"]]
    assert kinds[0] == "human_came"
    assert kinds[-3:] == ["grace_began", "grace_ended", "closed"] or kinds[-2:] == ["grace_ended", "closed"]
    assert (found["closeReason"], found["exitCode"]) == ("humans_left", 0)
    assert "4711" not in str(found["events"]), "nobody is named"
    assert 0 < found["firstAudio"] < 30
    assert found["latencies"]["total"]["count"] == 1
    assert {cost["isLocal"] for cost in found["cost"]["models"]} == {True}
    assert found["cost"]["dollars"] == 0

    over_time = await registry.get("/api/agents/recorded/latencies")
    assert over_time["overall"]["total"] == found["latencies"]["total"]
    async with aiohttp.ClientSession(registry.url) as http:
        for format, start in (("vtt", "WEBVTT"), ("text", "Session "), ("json", "{")):
            async with http.get(f"{path}/transcript?format={format}") as answer:
                text = await answer.text()
            assert answer.status == 200
            assert text.startswith(start)
            assert "swimming" in text.lower()
        async with http.get(f"/sessions/{found['id']}") as page:
            html = await page.text()
        assert "answered after" in html
        assert "a human came" in html


async def test_a_profile_without_a_transcript_leaves_no_word_behind(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, worker: Worker
) -> None:
    silent = DEFAULT_PROFILE.model_copy(update={"transcript": False}).model_dump(mode="json")
    async with (
        aiohttp.ClientSession(registry.url) as http,
        http.put("/api/agents/silent/profile", json=silent) as stored,
    ):
        assert stored.status in (200, 201), await stored.text()
    await a_call(livekit, models, "silent")
    found = await session_of(registry, "silent", is_open=False, n_turns=3)
    assert not found["isTranscribed"]
    turns = (await registry.get(f"/api/sessions/{found['id']}/turns"))["turns"]
    assert [(turn["text"], turn["isKept"]) for turn in turns] == [("", False)] * 3
    assert turns[2]["delays"]["total"] > 0
    journal = worker.folder / "home" / "journal"
    texts = await asyncio.to_thread(lambda: [file.read_text() for file in journal.rglob("*.jsonl")])
    (written,) = [text for text in texts if "agent-silent-room" in text]
    assert written.count('"role"') == 3
    for word in ("swimming", "fifth", "harbour", "Harbour"):
        assert word not in written
