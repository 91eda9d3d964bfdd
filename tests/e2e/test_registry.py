"""A worker and its calls, as the registry sees them, and what a call leaves behind there."""

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
from stack.rooms import Rooms
from stack.until import until, until_answered
from stack.worker import Worker
from wire import DEFAULT_PROFILE

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRACE = 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    """A server of their own, so that no other worker takes their calls."""
    async with LiveKitServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rooms(livekit: LiveKitServer) -> AsyncIterator[Rooms]:
    async with Rooms(livekit.address) as rooms:
        yield rooms


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


async def test_a_call_is_seen_from_its_beginning_to_its_end(
    livekit: LiveKitServer, registry: Registry, worker: Worker
) -> None:
    seen = await registry.wait_for("the worker", status="running", timeout=20)
    assert (seen["kind"], seen["processId"]) == ("worker", worker.pid)
    async with Caller(livekit.address, "agent-seen-room", "guest") as guest:
        await guest.wait_for_agent()
        seen = await registry.wait_for("seen", status="running", timeout=15)
        assert (seen["kind"], seen["name"], seen["health"]) == ("session", "Ada", 100)
        assert seen["processId"] == worker.job().pid
        assert seen["incarnation"] == guest.others[0].attributes["roomkeeper.incarnation"]

        async def humans(*identities: str) -> bool:
            agent = await registry.agent("seen")
            return agent is not None and [one["identity"] for one in agent["call"]["humans"]] == list(
                identities
            )

        await until_answered(lambda: humans("guest"), timeout=15, what="the guest on the page")
        async with Caller(livekit.address, "agent-seen-room", "coach-1"):
            await until_answered(lambda: humans("guest", "coach-1"), timeout=15, what="the coach on the page")
            agent = await registry.agent("seen")
            assert agent is not None
            assert [one["role"] for one in agent["call"]["humans"]] == ["client", "coach"]
            assert (agent["call"]["room"], agent["call"]["phase"]) == ("agent-seen-room", "active")
        agent = await registry.agent("the worker")
        assert agent is not None
        assert agent["status"] == "running"

    async def phase(wanted: str) -> bool:
        agent = await registry.agent("seen")
        return agent is not None and agent["call"]["phase"] == wanted

    await until_answered(lambda: phase("grace_period"), timeout=15, what="the grace period on the page")
    agent = await registry.agent("seen")
    assert agent is not None
    assert agent["call"]["graceEndsAt"] is not None
    left = await registry.wait_for("seen", status="stopped", timeout=GRACE + 15)
    assert "humans_left" in left["cause"]
    assert [change["to"] for change in reversed(await registry.history("seen"))][-2:] == [
        "running",
        "stopped",
    ]


async def test_a_killed_call_is_offline_at_once_because_its_worker_says_so(
    livekit: LiveKitServer, registry: Registry, worker: Worker, rooms: Rooms
) -> None:
    async with Caller(livekit.address, "agent-killed-room") as guest:
        await guest.wait_for_agent()
        await registry.wait_for("killed", status="running", timeout=15)
        await registry.wait_for_line("killed")
        await until(lambda: len(worker.jobs()) == 1, timeout=15, what="one job")
        job = worker.job()
        job.kill()
        dead = await registry.wait_for("killed", status="offline", timeout=15)
        assert dead["cause"] == f"its process {job.pid} is gone, says the worker"
        reasons = [change["reason"] for change in await registry.history("killed")]
        assert any("its line broke without a goodbye" in reason for reason in reasons)
    await rooms.delete("agent-killed-room")


async def test_an_operator_ends_a_call_from_the_registry(
    livekit: LiveKitServer, registry: Registry, worker: Worker
) -> None:
    async with Caller(livekit.address, "agent-ended-room") as guest:
        await guest.wait_for_agent()
        await registry.wait_for("ended", status="running", timeout=15)
        # With or without its line open by now: an order that has to wait goes with the first beat on the line.
        await registry.order("ended", "leave", reason="the shop closes")
        await guest.wait_for_agent_gone(limit=15)
    stopped = await registry.wait_for("ended", status="stopped", timeout=15)
    assert "operator" in stopped["cause"]
    assert any("the shop closes" in change["reason"] for change in await registry.history("ended"))


async def _session_of(registry: Registry, agent_id: str, *, n_turns: int) -> dict[str, Any]:
    """The session of an agent, once it is over and has so many turns."""

    async def look() -> dict[str, Any] | None:
        found = (await registry.get(f"/api/sessions?agentId={agent_id}"))["sessions"]
        fits = found and not found[0]["isOpen"] and found[0]["turns"] >= n_turns
        return await registry.get(f"/api/sessions/{found[0]['id']}") if fits else None

    return await until_answered(look, timeout=30, what=f"the session of {agent_id}")


async def _a_call(livekit: LiveKitServer, models: LocalModels, agent_id: str) -> Caller:
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
    await _a_call(livekit, models, "recorded")
    found = await _session_of(registry, "recorded", n_turns=3)
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
    await _a_call(livekit, models, "silent")
    found = await _session_of(registry, "silent", n_turns=3)
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


async def test_a_call_does_not_feel_what_happens_to_the_registry(
    livekit: LiveKitServer, registry: Registry, worker: Worker
) -> None:
    async with Caller(livekit.address, "agent-calm-room") as guest:
        agent = await guest.wait_for_agent()
        await registry.wait_for("calm", status="running", timeout=15)
        registry.pause()
        await asyncio.sleep(6)  # longer than a sender waits for a reply on its line
        assert guest.agents == [agent]
        registry.kill()
        await registry.start()
        seen = await registry.agent("calm")
        assert seen is not None
        assert seen["status"] in {"unknown", "running"}, "it is not called offline"
        await registry.wait_for("calm", status="running", timeout=35)
        await registry.wait_for("the worker", status="running", timeout=35)
        assert guest.agents == [agent]
        warnings = [record for record in worker.records("heartbeat.away") if record.get("room") is not None]
        assert len(warnings) <= 1


async def test_an_operator_drains_a_worker_from_the_registry(
    livekit: LiveKitServer, registry: Registry, worker: Worker
) -> None:
    async with Caller(livekit.address, "agent-last-room") as guest:
        await guest.wait_for_agent()
        await registry.wait_for("last", status="running", timeout=15)
        await registry.order("the worker", "drain", reason="a new version")
        draining = await registry.wait_for("the worker", status="warning", timeout=15)
        assert "takes no new calls" in draining["reasons"][0]["text"]
        await registry.order("the worker", "stop", reason="no time")
        await guest.wait_for_agent_gone(limit=20)
    gone = await registry.wait_for("the worker", status="stopped", timeout=20)
    assert "asked to stop" in gone["cause"]
    assert await worker.child.wait(timeout=15) == 0
