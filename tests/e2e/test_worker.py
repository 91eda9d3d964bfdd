"""How a worker starts, stops and refuses to start (complaint 20)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from stack.caller import Caller, Guest
from stack.errors import LateError
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until
from stack.worker import CHECKOUT, DEV, DISCOVERED, START, Worker
from tests.e2e.asking import wait_for_agent_asking_again
from tests.e2e.test_presence import ask, greeted

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitServer]:
    """A server of their own: each test has its own worker."""
    async with LiveKitServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rooms(livekit: LiveKitServer) -> AsyncIterator[Rooms]:
    async with Rooms(livekit.address) as rooms:
        yield rooms


@pytest.mark.parametrize(
    "command",
    [START, DEV, (*DISCOVERED, "--dev")],
    ids=["start", "dev", "discovered-dev"],
)
async def test_every_way_to_start_is_the_same(
    command: tuple[str, ...], livekit: LiveKitServer, models: LocalModels, rooms: Rooms, tmp_path: Path
) -> None:
    # Settings come from .env.local in the working folder, logs say the same, the exit code is 0.
    (tmp_path / ".env.local").write_text("GRACE_PERIOD=1\n")
    (tmp_path / "agent.py").symlink_to(CHECKOUT / "agent.py")
    async with Worker(livekit.address, models_url=models.url, command=command, cwd=tmp_path) as worker:
        room = f"agent-{tmp_path.name.replace('[', '').replace(']', '')}-room"
        async with Caller(livekit.address, room) as guest:
            assert (await guest.wait_for_agent()).startswith("ai-")
        await rooms.wait_for_end(room, timeout=15)
        await until(
            lambda: "agent has left" in worker.log_text(), timeout=15, what="the last line of the call"
        )
        assert "humans_left" in worker.log_text()
        assert await worker.stop() == 0
        assert worker.left_behind == []


async def test_sigterm_lets_calls_finish_and_takes_no_new_ones(
    livekit: LiveKitServer, models: LocalModels, rooms: Rooms, room: str
) -> None:
    async with Worker(livekit.address, models_url=models.url, env={"GRACE_PERIOD": "1"}) as worker:
        async with Caller(livekit.address, room, models_url=models.url) as guest:
            await greeted(guest)
            worker.child.signal(signal.SIGTERM)
            await worker.wait_for_record("worker.drain", timeout=15)
            async with Caller(livekit.address, f"{room.removesuffix('-room')}b-room") as late:
                with pytest.raises(LateError):
                    await late.wait_for_agent(limit=2)
            await ask(guest)
        await rooms.wait_for_end(room, timeout=15)
        assert await worker.child.wait(timeout=20) == 0


async def test_a_second_sigterm_ends_calls_politely_within_ten_seconds(
    livekit: LiveKitServer, models: LocalModels, rooms: Rooms, room: str
) -> None:
    loop = asyncio.get_running_loop()
    async with (
        Worker(livekit.address, models_url=models.url) as worker,
        Caller(livekit.address, room, models_url=models.url) as guest,
    ):
        await greeted(guest)
        worker.child.signal(signal.SIGTERM)
        await worker.wait_for_record("worker.drain", timeout=15)
        worker.child.signal(signal.SIGTERM)
        at = loop.time()
        assert await worker.child.wait(timeout=20) == 0
        assert loop.time() - at < 10
        # Politely: no ghost, and the human is still there.
        assert [one.identity for one in await rooms.participants(room)] == ["guest"]
        assert worker.records("call.left")[0]["reason"] == "worker_shutdown"


def refused(
    env: Mapping[str, str], *, command: tuple[str, ...] = START, timeout: float = 30
) -> tuple[int, str]:
    """Exit code and output of a worker that cannot start."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT_")}
    done = subprocess.run(
        command,
        env={**clean, **env},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


_ALL = (START, DEV, DISCOVERED)
_UNSET = {"LIVEKIT_URL": "", "LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": ""}


@pytest.mark.parametrize(
    ("env", "says", "commands"),
    [
        pytest.param(
            _UNSET,
            "LIVEKIT_URL and LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set",
            _ALL,
            id="nothing set",
        ),
        pytest.param({"GRACE_PERIOD": "soon"}, "GRACE_PERIOD='soon'", [START], id="a bad number"),
        pytest.param(
            {"LIVEKIT_URL": "localhost:7880"}, "LIVEKIT_URL='localhost:7880'", [START], id="a bad URL"
        ),
        pytest.param(
            {"LIVEKIT_API_SECRET": "wrong" * 8},
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are refused",
            _ALL,
            id="keys",
        ),
    ],
)
async def test_wrong_settings_are_named_and_the_exit_code_is_2(
    env: dict[str, str], says: str, commands: Sequence[tuple[str, ...]], livekit: LiveKitServer
) -> None:
    given = {**livekit.environment, **env}
    for command in commands:
        code, output = await asyncio.to_thread(refused, given, command=command)
        assert (code, says in output) == (2, True), output
        assert "Traceback" not in output


async def test_something_else_on_livekits_port_is_named(models: LocalModels) -> None:
    given = {
        "LIVEKIT_URL": models.url.replace("http", "ws"),
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "secret" * 8,
    }
    code, output = await asyncio.to_thread(refused, given)
    assert (code, "answers, but not as LiveKit does" in output) == (2, True), output


async def test_a_worker_port_that_is_taken_is_named(livekit: LiveKitServer, models: LocalModels) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = {**livekit.environment, "WORKER_PORT": port, "LOCAL_MODELS_URL": models.url}
        code, output = await asyncio.to_thread(refused, given)
    assert (code, f"WORKER_PORT={port}" in output) == (2, True), output


async def test_a_server_that_is_down_is_waited_for_and_said_so(models: LocalModels, room: str) -> None:
    async with LiveKitServer() as livekit:
        await livekit.stop()
        worker = Worker(livekit.address, models_url=models.url)
        worker.child.start()
        try:
            await until(lambda: bool(worker.records("worker.waiting")), timeout=30, what="a line about it")
            await until(
                lambda: worker.log_text().count("failed to connect to livekit") >= 2,
                timeout=30,
                what="more tries",
            )
            await livekit.start()
            await until(lambda: "registered worker" in worker.log_text(), timeout=30, what="the worker")
            async with Caller(livekit.address, room) as guest:
                await guest.wait_for_agent()
        finally:
            await worker.aclose()


async def test_a_request_that_the_worker_answers_too_late_is_made_again(
    livekit: LiveKitServer, models: LocalModels, rooms: Rooms, room: str
) -> None:
    """LiveKit waits for 2.5 s, then forgets the job and asks nobody else."""
    async with Worker(livekit.address, models_url=models.url) as worker:
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            async with Caller(livekit.address, room) as guest:
                await asyncio.sleep(4)
                os.kill(worker.pid, signal.SIGCONT)
                await guest.wait_for_agent(limit=40)
                assert len(worker.records("job.lost")) == 1
                assert len(await rooms.agents(room)) == 1
        finally:
            os.kill(worker.pid, signal.SIGCONT)


@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_the_worker_does_not_grow_over_many_calls(
    livekit: LiveKitServer, models: LocalModels, rooms: Rooms, room: str
) -> None:
    """Complaint 22: joins and leaves, four rooms at a time; the first twenty fill the caches."""
    async with Worker(livekit.address, models_url=models.url, env={"GRACE_PERIOD": "0"}) as worker:
        lost: list[str] = []

        async def visit(number: int) -> None:
            name = f"{room.removesuffix('-room')}-{number}-room"
            async with Guest(livekit.address, name) as guest:
                if await wait_for_agent_asking_again(guest, worker, rooms):
                    lost.append(name)

        async def visits(numbers: range) -> None:
            for start in range(numbers.start, numbers.stop, 4):
                async with asyncio.TaskGroup() as together:
                    for number in range(start, min(start + 4, numbers.stop)):
                        together.create_task(visit(number))
            await until(lambda: not worker.jobs(), timeout=40, what="all jobs to end")

        await visits(range(20))
        before = psutil.Process(worker.pid).memory_full_info().uss
        processes_before = len(worker.processes())
        await visits(range(20, 60))
        after = psutil.Process(worker.pid).memory_full_info().uss
        assert after <= before * 1.05
        assert len(lost) <= 4
        await until(
            lambda: len(worker.processes()) <= processes_before,
            timeout=20,
            what="no process to be left behind",
        )
