"""A conversation that outlives its agent."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until
from stack.worker import Worker
from tests.e2e.test_presence import ask, greeted, reasons

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    """A server of their own: these tests have workers with other settings."""
    async with LiveKitServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rooms(livekit: LiveKitServer) -> AsyncIterator[Rooms]:
    async with Rooms(livekit.address) as rooms:
        yield rooms


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
            await worker.wait_for_record("worker.drain", timeout=20)
            worker.child.signal(signal.SIGTERM)
            await until(
                lambda: reasons(worker, room) == ["worker_shutdown"],
                timeout=20,
                what="the agent to leave",
            )
            await until(lambda: set(guest.agents) - {first}, timeout=20, what="the successor")
            await until(lambda: first not in guest.agents, timeout=20, what="one agent")
            came_at = asyncio.get_running_loop().time()
            await guest.hear(after=came_at - 1, limit=20)
            assert other.records("recall.failed") == [], "there is nobody to ask"
            await ask(guest)
