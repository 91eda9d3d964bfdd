"""The ends that a call comes to by itself, and the room that is held open for it (complaints 8, 12, 21)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from lifecycle.watchdog import EXIT_CODE
from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until
from stack.worker import Worker
from tests.e2e.test_presence import ask, greeted, phases, reasons

pytestmark = pytest.mark.asyncio(loop_scope="session")

MakeCaller = Callable[..., Caller]

FAULTY = (sys.executable, str(Path(__file__).parent / "faulty_agent.py"), "start")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    """A server of their own: these tests have workers with other settings."""
    async with LiveKitServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rooms(livekit: LiveKitServer) -> AsyncIterator[Rooms]:
    async with Rooms(livekit.address) as rooms:
        yield rooms


@pytest.fixture
def start(livekit: LiveKitServer, models: LocalModels, tmp_path: Path) -> Callable[..., Worker]:
    def make(command: tuple[str, ...] = FAULTY, **env: str) -> Worker:
        return Worker(
            livekit.address,
            models_url=models.url,
            command=command,
            env={"IDLE_PROCESSES": "1", **env},
            folder=tmp_path,
        )

    return make


@pytest.mark.timeout(240)
async def test_a_grace_longer_than_livekits_departure_timeout_happens(
    start: Callable[..., Worker], caller: MakeCaller, rooms: Rooms, room: str
) -> None:
    """LiveKit would close the room after 5 s; it stays open because of a hold."""
    loop = asyncio.get_running_loop()
    async with start(GRACE_PERIOD="14") as worker:
        await rooms.create(room, departure_timeout=5)
        async with caller() as guest:
            await greeted(guest)
        left_at = loop.time()
        await until(lambda: "grace_period" in phases(worker, room), timeout=15, what="the grace")
        await asyncio.sleep(11 - (loop.time() - left_at))
        assert len(await rooms.agents(room)) == 1
        assert [one.identity for one in await rooms.participants(room) if one.identity.startswith("ai-hold-")]
        async with caller() as guest:  # and it is the same conversation
            assert not [identity for identity in (one.identity for one in guest.others) if "hold" in identity]
            await guest.wait_for_agent(limit=15)
            await until(
                lambda: phases(worker, room)[-1] == "active", timeout=15, what="the human to be counted"
            )
        left_at = loop.time()
        await rooms.wait_for_end(room, timeout=30)
        assert loop.time() - left_at >= 13
        await until(lambda: reasons(worker, room) == ["humans_left"], timeout=15, what="the reason")


async def test_a_full_reconnect_is_no_absence(
    start: Callable[..., Worker], caller: MakeCaller, room: str
) -> None:
    async with start(GRACE_PERIOD="3") as worker, caller() as guest:
        await greeted(guest)
        await guest.perform_rpc(guest.agents[0], "fault.full_reconnect")
        await worker.wait_for_record("room.reconnected", timeout=30)
        await guest.wait_for_agent()
        reconnected_at = asyncio.get_running_loop().time()
        await asyncio.sleep(2)
        assert phases(worker, room) == ["active"]
        agent = guest.agents[0]
        assert guest.sound_of(agent).first_audible(reconnected_at) is None, "no second greeting"
        await ask(guest)


async def test_no_call_is_longer_than_the_longest(
    start: Callable[..., Worker], caller: MakeCaller, rooms: Rooms, room: str
) -> None:
    async with start(MAX_SESSION="6") as worker, caller() as guest:
        await guest.wait_for_agent()
        await guest.wait_for_agent_gone(limit=18)
        await until(lambda: reasons(worker, room) == ["max_session"], timeout=15, what="the reason")
        assert [one.identity for one in await rooms.participants(room)] == ["guest"], (
            "the human is not put out"
        )


async def test_a_blocked_event_loop_is_ended_by_the_watchdog(
    start: Callable[..., Worker], caller: MakeCaller, room: str
) -> None:
    # The watchdog gives the loop DISCONNECTED_TIMEOUT and 15 s.
    async with start(DISCONNECTED_TIMEOUT="1") as worker, caller() as guest:
        await guest.wait_for_agent()
        process = worker.job()
        await guest.perform_rpc(guest.agents[0], "fault.block", "50")
        await until(lambda: not process.is_running(), timeout=25, what="the process to end")
        await until(
            lambda: f"non-zero exit code {EXIT_CODE}" in worker.log_text(), timeout=15, what="the exit code"
        )
        assert worker.records("watchdog.overrun")[0]["limit"] == "loop"


async def test_a_pipeline_that_never_closes_does_not_keep_the_process(
    start: Callable[..., Worker], caller: MakeCaller, rooms: Rooms, room: str
) -> None:
    async with start(GRACE_PERIOD="1") as worker:
        async with caller() as guest:
            await guest.wait_for_agent()
            process = worker.job()
            await guest.perform_rpc(guest.agents[0], "fault.hang_on_leaving")
        await rooms.wait_for_end(room, timeout=20)
        assert (await worker.wait_for_record("call.left", timeout=15))["failed_steps"] == ["pipeline"]
        await until(lambda: not process.is_running(), timeout=36, what="the process to end")


async def test_a_human_who_comes_while_the_agent_leaves_gets_another_one(
    start: Callable[..., Worker], caller: MakeCaller, room: str
) -> None:
    """LiveKit sends an agent by itself only to a new room; the pipeline that hangs keeps the door open for 4 s."""
    async with start(GRACE_PERIOD="1") as worker:
        async with caller() as guest:
            leaving = await guest.wait_for_agent()
            await guest.perform_rpc(leaving, "fault.hang_on_leaving")
        await worker.wait_for_record("call.leaving", timeout=15)
        async with caller("late") as late:
            await until(lambda: set(late.agents) - {leaving}, timeout=30, what="another agent")
            await until(lambda: leaving not in late.agents, timeout=20, what="the first agent to be gone")
            await greeted(late)
            await ask(late)


async def test_livekit_stopped_and_started_again(models: LocalModels, room: str) -> None:
    """The worker comes back by itself, and the next caller gets one agent."""
    async with (
        LiveKitServer() as livekit,
        Worker(livekit.address, models_url=models.url, env={"GRACE_PERIOD": "3"}) as worker,
        Rooms(livekit.address) as rooms,
    ):
        async with Caller(livekit.address, room) as guest:
            await guest.wait_for_agent()
        await rooms.wait_for_end(room, timeout=20)
        livekit.kill()
        await until(
            lambda: "failed to connect to livekit" in worker.log_text(),
            timeout=20,
            what="a line about it",
        )
        await livekit.start()
        await until(
            lambda: worker.log_text().count("registered worker") == 2,
            timeout=40,
            what="the worker to be back",
        )
        async with Caller(
            livekit.address, f"{room.removesuffix('-room')}b-room", models_url=models.url
        ) as guest:
            await greeted(guest)
            await ask(guest)


@pytest.mark.timeout(240)
async def test_livekit_restarted_during_a_call_leaves_one_agent(models: LocalModels, room: str) -> None:
    """The old agent reconnects and a new one is dispatched to the new room; the younger of the two leaves."""
    async with (
        LiveKitServer() as livekit,
        Worker(livekit.address, models_url=models.url, env={"GRACE_PERIOD": "3"}) as worker,
        Rooms(livekit.address) as rooms,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        await greeted(guest)
        livekit.kill()
        await asyncio.sleep(3)
        await livekit.start()
        await until(
            lambda: worker.log_text().count("registered worker") == 2,
            timeout=30,
            what="the worker to be back",
        )
        await until(
            lambda: any(event.name in ("reconnected", "disconnected") for event in guest.events),
            timeout=30,
            what="the caller to be back",
        )
        if not guest.room.isconnected():
            await guest.leave()
            await guest.join()
        await guest.wait_for_agent(limit=40)
        await asyncio.sleep(5)  # time for a second agent to come, and to go
        await rooms.wait_for_agents(room, 1, timeout=20)
        await ask(guest)
