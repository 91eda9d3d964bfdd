"""An agent in every room with a human: what the registry does when agents die, hang or do not come."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from session.fetched_profiles import PAUSE
from session.recalling import BREAK
from stack.caller import Caller, Guest, all_in
from stack.kept_rooms import kept_rooms
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.registry import Registry
from stack.rooms import Rooms
from stack.until import until_answered
from stack.worker import Worker
from tests.e2e.test_presence import ask, greeted

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRACE = 3.0

ACTIVE = 2
"""A participant's state on LiveKit's list."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage() -> AsyncIterator[tuple[LiveKitServer, Registry]]:
    async with kept_rooms() as both:
        yield both


@pytest.fixture(scope="module")
def livekit(stage: tuple[LiveKitServer, Registry]) -> LiveKitServer:
    return stage[0]


@pytest.fixture(scope="module")
def registry(stage: tuple[LiveKitServer, Registry]) -> Registry:
    return stage[1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rooms(livekit: LiveKitServer) -> AsyncIterator[Rooms]:
    async with Rooms(livekit.address) as rooms:
        yield rooms


def worker_of(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, folder: Path | None = None, **env: str
) -> Worker:
    given = {"GRACE_PERIOD": str(GRACE), "WEB_UI_URL": registry.url, **env}
    return Worker(livekit.address, models_url=models.url, env=given, folder=folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Worker]:
    """pytest keeps its log."""
    folder = tmp_path_factory.mktemp("worker")
    async with worker_of(livekit, models, registry, folder, AGENT_ID="first") as worker:
        await worker.wait_until_warm(2)
        await registry.wait_for("first", status="running", timeout=20)
        yield worker


async def successor(rooms: Rooms, room: str, *, after: str, limit: float) -> str:
    """The one agent that is active in `room`, once it is another one than `after`. Never two at any look."""

    async def look() -> str | None:
        agents = [one.identity for one in await rooms.agents(room) if one.state == ACTIVE]
        assert len(agents) < 2, agents
        return agents[0] if agents and agents[0] != after else None

    return await until_answered(look, timeout=limit, what=f"a successor in {room}", interval=0.02)


async def sessions_in(registry: Registry, room: str) -> list[dict[str, Any]]:
    """Newest first."""
    body = await registry.get(f"/api/sessions?room={room}&limit=20")
    sessions: list[dict[str, Any]] = body["sessions"]
    return sessions


async def kept(registry: Registry, room: str) -> dict[str, Any] | None:
    """The room as the registry has it."""
    listed = (await registry.get("/api/livekit/rooms"))["rooms"]
    return next((one for one in listed if one["name"] == room), None)


async def room_is(registry: Registry, room: str, is_so: Callable[[dict[str, Any]], bool], what: str) -> None:
    async def look() -> bool:
        seen = await kept(registry, room)
        return seen is not None and is_so(seen)

    await until_answered(look, timeout=20, what=what)


async def test_a_killed_agent_is_followed_by_one_that_goes_on(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    """Complaint 16."""
    async with Caller(livekit.address, room, models_url=models.url) as guest:
        await greeted(guest)
        await ask(guest)
        first = guest.agents[0]
        job = worker.job_in(room)
        assert job is not None
        killed_at = asyncio.get_running_loop().time()
        os.kill(job.pid, signal.SIGKILL)
        second = await successor(rooms, room, after=first, limit=15)
        assert second.startswith("ai-")
        sorry = await guest.hear(after=killed_at, limit=20)
        assert "cut off" in sorry.text.lower() or "sorry" in sorry.text.lower(), sorry.text
        newest, oldest = await until_answered(lambda: _two(registry, room), timeout=15, what="two sessions")
        assert newest["resumes"] == oldest["id"]
        assert (oldest["closeReason"], oldest["isOpen"]) == ("lost", False)
        said = (await registry.get(f"/api/sessions/{newest['id']}/turns?limit=50"))["turns"]
        assert any("wi-fi" in turn["text"].lower() or "password" in turn["text"].lower() for turn in said)
        assert any(turn["text"] == BREAK for turn in said)
        await ask(guest)
    stats = await registry.get("/api/livekit/stats")
    assert stats["recoveries"]["count"] >= 1
    assert stats["exitCodes"].get("lost", 0) >= 1


async def _two(registry: Registry, room: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    sessions = await sessions_in(registry, room)
    if len(sessions) != 2 or sessions[1]["isOpen"]:
        return None
    return sessions[0], sessions[1]


@pytest.mark.alone
async def test_another_worker_takes_over_when_one_is_killed(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    async with worker_of(livekit, models, registry, AGENT_ID="second") as other:
        await other.wait_until_warm(2)
        async with AsyncExitStack() as guests:
            names = [f"{room.removesuffix('-room')}-{letter}-room" for letter in "abcd"]
            for name in names:
                guest = await guests.enter_async_context(Caller(livekit.address, name))
                await guest.wait_for_agent()
            before = {name: (await rooms.agents(name))[0].identity for name in names}
            its = [name for name in names if other.job_in(name) is not None]
            other.kill()
            for name in its:
                await successor(rooms, name, after=before[name], limit=16)
            for name in set(names) - set(its):
                assert [one.identity for one in await rooms.agents(name)] == [before[name]]


async def test_a_frozen_agent_is_replaced_and_leaves_when_it_wakes(
    livekit: LiveKitServer, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    """Complaint 18."""
    async with Caller(livekit.address, room) as guest:
        first = await guest.wait_for_agent()
        await room_is(registry, room, lambda seen: seen["phase"] == "active", "the room to be active")
        # One that freezes before its line is open is missed by its beats only, after 25 s.
        await registry.wait_for_line(room.removeprefix("agent-").removesuffix("-room"))
        job = worker.job_in(room)
        assert job is not None
        os.kill(job.pid, signal.SIGSTOP)
        try:
            second = await successor(rooms, room, after=first, limit=30)
        finally:
            os.kill(job.pid, signal.SIGCONT)
        await until_answered(
            lambda: _is_gone(worker, job.pid), timeout=30, what="the frozen agent's process to end"
        )
        assert [one.identity for one in await rooms.agents(room)] == [second]


async def _is_gone(worker: Worker, pid: int) -> bool:
    return all(process.pid != pid for process in worker.processes())


async def test_an_agent_that_the_registry_cannot_hear_stays(
    livekit: LiveKitServer, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    """Complaint 17: the registry is killed, comes back, and replaces nobody."""
    async with Caller(livekit.address, room) as guest:
        first = await guest.wait_for_agent()
        registry.kill()
        await registry.child.wait(timeout=15)
        await registry.start()
        await room_is(
            registry,
            room,
            lambda seen: bool(seen["agents"]) and seen["agents"][0]["health"] == "alive",
            "the agent to be heard again",
        )
        assert [one.identity for one in await rooms.agents(room)] == [first]
        assert guest.agents == [first]


async def test_a_worker_that_comes_late_finds_its_caller(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, room: str
) -> None:
    """Complaint 13. The room's own server, so that no other worker takes it."""
    async with (
        LiveKitServer() as alone,
        Registry(env=dict(alone.environment)) as keeper,
        Caller(alone.address, room) as guest,
    ):
        await room_is(keeper, room, lambda seen: seen["attempts"] >= 1, "an agent to be asked for")
        why = await keeper.get(f"/api/livekit/rooms/{room}/why")
        assert why["answer"].startswith("A human is there and no agent")
        async with worker_of(alone, models, keeper):
            await guest.wait_for_agent(limit=16)


async def test_a_closed_room_keeps_its_human_and_gets_no_agent(
    livekit: LiveKitServer, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    async with Caller(livekit.address, room) as guest:
        await guest.wait_for_agent()
        await room_is(registry, room, lambda seen: bool(seen["agents"]), "the agent to be seen")
        done = await registry.post(f"/api/livekit/rooms/{room}/close", {"reason": "a test", "by": "ann"})
        assert len(done["asked"]) == 1
        await guest.wait_for_agent_gone(limit=20)
        await rooms.dispatch(room, metadata="{}")
        await room_is(registry, room, lambda seen: not seen["agents"], "the late agent to be sent away")
        seen = await kept(registry, room)
        assert seen is not None
        assert seen["closed"]["by"] == "ann"
        assert [one.identity for one in await rooms.participants(room)] == ["guest"]


async def test_short_joins_leave_an_agent_that_answers(
    livekit: LiveKitServer, models: LocalModels, registry: Registry, worker: Worker, room: str
) -> None:
    """Complaint 40."""
    for _ in range(8):
        async with Caller(livekit.address, room):
            await asyncio.sleep(0.5)  # that is how long they stay
    async with Caller(livekit.address, room, models_url=models.url) as guest:
        # The greeting may have been for one of those: who comes back at once meets an agent that has greeted.
        await guest.wait_for_agent()
        await asyncio.sleep(1)
        await guest.wait_for_silence(limit=40, pause=1.5)
        await ask(guest)


@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_a_burst_of_callers_gets_an_agent_each(
    livekit: LiveKitServer, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    """Complaint 39."""
    names = [f"{room.removesuffix('-room')}-{number}-room" for number in range(8)]
    callers = [Guest(livekit.address, name) for name in names]
    async with all_in(callers):
        await asyncio.gather(*(caller.wait_for_agent(limit=60) for caller in callers))
        for name in names:
            await rooms.wait_for_agents(name, 1, timeout=30)


async def test_of_two_agents_the_younger_leaves(
    livekit: LiveKitServer, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    """Complaint 15."""
    async with Caller(livekit.address, room) as guest:
        first = await guest.wait_for_agent()
        await rooms.dispatch(room)
        await until_answered(
            lambda: _reasons(worker, room), timeout=30, what="the second agent to leave as a duplicate"
        )
        assert [one.identity for one in await rooms.agents(room)] == [first]


async def _reasons(worker: Worker, room: str) -> bool:
    return any(one["reason"] == "duplicate" for one in worker.records("call.left") if one["room"] == room)


async def test_a_stored_profile_is_what_the_agent_is(
    livekit: LiveKitServer, registry: Registry, rooms: Rooms, worker: Worker, room: str
) -> None:
    agent_id = room.removeprefix("agent-").removesuffix("-room")
    profile = {"name": "Bertha", "prompt": "You are Bertha.", "greeting": "Good evening."}
    await registry.post("/api/agents/register", {"agentId": agent_id, "profile": profile})
    for _ in range(3):
        async with Caller(livekit.address, room) as guest:
            await guest.wait_for_agent()
            (agent,) = await rooms.agents(room)
        if agent.name == "Bertha":
            break
        # A registry that did not answer within a second, on a machine with too much to do, is not asked for ten.
        assert worker.records("profile.away"), worker.log_text()[-4000:]
        await asyncio.sleep(PAUSE)
    assert agent.name == "Bertha"
    ended = await until_answered(lambda: _ended(registry, room), timeout=30, what="the session to end")
    assert (ended["closeReason"], ended["exitCode"], ended["mostHumans"]) == ("humans_left", 0, 1)


async def _ended(registry: Registry, room: str) -> dict[str, Any] | None:
    sessions = await sessions_in(registry, room)
    return sessions[0] if sessions and not sessions[0]["isOpen"] else None
