"""A conversation that outlives its agent."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from session.recalling import BREAK
from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until
from stack.worker import Worker
from tests.e2e.test_presence import ask, greeted, reasons
from tests.session.fake_registry import FakeRegistry, serving
from wire import DEFAULT_PROFILE, AgentId, Turn, job_metadata

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    """A server of their own: these tests have workers with other settings."""
    async with LiveKitServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rooms(livekit: LiveKitServer) -> AsyncIterator[Rooms]:
    async with Rooms(livekit.address) as rooms:
        yield rooms


def turns_of(registry: FakeRegistry, incarnation: str) -> tuple[Turn, ...]:
    turns = {
        turn.number: turn for one, report in registry.reports if one == incarnation for turn in report.turns
    }
    return tuple(turns[number] for number in sorted(turns))


async def test_a_successor_knows_what_was_said_and_says_one_sentence_about_the_break(
    livekit: LiveKitServer, models: LocalModels, rooms: Rooms, room: str
) -> None:
    async with (
        serving() as registry,
        Worker(livekit.address, models_url=models.url, env={"WEB_UI_URL": registry.url}) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        first = await guest.wait_for_agent()
        await greeted(guest)
        await ask(guest)
        told = next(beat for beat in registry.beats if beat.joining)
        assert [one.room for one in told.joining] == [room]
        incarnation = registry.reports[0][0]
        await until(lambda: len(turns_of(registry, incarnation)) >= 3, timeout=5, what="the turns")
        turns = turns_of(registry, incarnation)
        assert (turns[0].role, turns[0].text) == ("assistant", DEFAULT_PROFILE.greeting)
        report = registry.reports[-1][1]
        assert (report.agent_id, report.room, report.most_humans, report.resumes) == (
            room[6:-5],
            room,
            1,
            None,
        )
        assert report.usage

        registry.turns[incarnation] = turns
        process = worker.job_in(room)
        assert process is not None
        process.kill()
        await rooms.remove(room, first)
        metadata = job_metadata(AgentId(room[6:-5]), resumes=incarnation)
        await rooms.dispatch(room, metadata=metadata)
        await until(lambda: set(guest.agents) - {first}, timeout=10, what="the successor")
        await until(lambda: registry.reports[-1][0] != incarnation, timeout=10, what="its report")
        successor = registry.reports[-1][0]
        assert registry.reports[-1][1].resumes == incarnation
        await until(lambda: turns_of(registry, successor), timeout=15, what="its first sentence")
        assert turns_of(registry, successor)[0].text == BREAK
        assert worker.records("recall.done")[0]["turns"] == len(turns)
        await ask(guest)
        await guest.leave()
        await rooms.delete(room)
        ended = await _ended(registry, successor)
        assert ended == ("room_closed", 0)


async def _ended(registry: FakeRegistry, incarnation: str) -> tuple[str, int | None]:
    def of() -> list[tuple[str, int | None]]:
        return [
            (report.ended.reason, report.ended.exit_code)
            for one, report in registry.reports
            if one == incarnation and report.ended is not None
        ]

    await until(lambda: bool(of()), timeout=10, what="the end of the conversation")
    return of()[0]


async def test_without_a_registry_a_stopped_workers_call_goes_on_with_another_worker(
    livekit: LiveKitServer, models: LocalModels, room: str, tmp_path: Path
) -> None:
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    async with (
        Worker(livekit.address, models_url=models.url, folder=tmp_path) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        first = await guest.wait_for_agent()
        await greeted(guest)
        async with Worker(livekit.address, models_url=models.url, folder=other_folder) as other:
            await other.wait_until_warm(1)
            worker.child.signal(signal.SIGTERM)
            await worker.wait_for_record("worker.drain", timeout=10)
            worker.child.signal(signal.SIGTERM)
            await until(
                lambda: reasons(worker, room) == ["worker_shutdown"],
                timeout=10,
                what="the agent to leave",
            )
            await until(lambda: set(guest.agents) - {first}, timeout=10, what="the successor")
            await until(lambda: first not in guest.agents, timeout=10, what="one agent")
            came_at = asyncio.get_running_loop().time()
            await guest.hear(after=came_at - 1, limit=10)
            assert other.records("recall.failed") == [], "there is nobody to ask"
            await ask(guest)
