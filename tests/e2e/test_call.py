"""The main job: greeted, answered, left alone, gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from stack.caller import Caller, Guest, all_in
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until, until_answered
from stack.worker import Worker
from tests.e2e.asking import wait_for_agent_asking_again
from tests.e2e.conftest import GRACE
from tests.e2e.test_presence import crashes

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("worker")]


async def listen_sockets(models: LocalModels) -> int:
    return int((await models.status())["sockets"]["listen"]["open"])


async def test_a_whole_call(
    caller: Callable[..., Caller], worker: Worker, models: LocalModels, rooms: Rooms, room: str
) -> None:
    loop = asyncio.get_running_loop()
    joined_at = loop.time()
    async with caller("alice", name="Alice Liddell") as alice:
        greeting = await alice.hear(after=joined_at, limit=15)
        assert "harbour" in greeting.text.lower() or "harbor" in greeting.text.lower()
        process = worker.job_in(room)
        assert process is not None
        assert await listen_sockets(models) == 1

        said = await alice.say("Where is the swimming pool?")
        answer = await alice.hear(after=said.ended_at, limit=20)
        assert "fifth" in answer.text.lower() or "5" in answer.text

        said = await alice.say("Please tell me the wi-fi password.")
        answer = await alice.hear(after=said.ended_at, limit=20)
        assert "sunrise" in answer.text.lower()
        assert await rooms.agents(room)
    left_at = loop.time()

    await asyncio.sleep(GRACE - 0.5)
    assert await rooms.agents(room), "the agent must wait for the whole grace"
    await rooms.wait_for_end(room, timeout=15)
    assert loop.time() - left_at == pytest.approx(GRACE, abs=1)

    async def no_socket() -> bool:
        return await listen_sockets(models) == 0

    # The process is gone, with exit code 0, and so are its sockets.
    await until(lambda: not process.is_running(), timeout=15, what="the job's process to end")
    assert not crashes(worker, room)
    await until_answered(no_socket, timeout=15, what="the speech-to-text socket to close")
    await until(
        lambda: any(record["room"] == room for record in worker.records("call.left")),
        timeout=15,
        what="the last line of the call",
    )
    left = [record for record in worker.records("call.left") if record["room"] == room]
    assert [(record["reason"], record["failed_steps"]) for record in left] == [("humans_left", [])]
    assert left[0]["took_ms"] < 2_000, "LiveKit alone waits that long for a last transcript"

    # The journal has the conversation; the log has no name, no word of it and no token.
    (file,) = [
        file for file in (worker.folder / "home" / "journal").rglob("*.jsonl") if room in file.read_text()
    ]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line.get("event") for line in (lines[0], lines[-1])] == ["started", "ended"]
    assert [line["role"] for line in lines[1:-1]] == ["assistant", "user", "assistant", "user", "assistant"]
    assert "swimming" in lines[2]["text"].lower()
    assert lines[-1]["reason"] == "humans_left"
    assert lines[-1]["usage"]
    log = worker.log_text()
    for secret in ("Alice", "alice", "swimming", "sunrise", rooms._address.api_secret):
        assert secret not in log


@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_a_burst_of_ten_callers_is_taken_by_two_idle_processes(
    livekit: LiveKitServer, worker: Worker, rooms: Rooms, room: str
) -> None:
    names = [f"{room.removesuffix('-room')}-{number}-room" for number in range(10)]
    burst = [Guest(livekit.address, name) for name in names]
    async with all_in(burst):
        asked_again = await asyncio.gather(
            *(wait_for_agent_asking_again(one, worker, rooms) for one in burst)
        )
        assert sum(asked_again) <= 2
        for name in names:
            assert len(await rooms.agents(name)) == 1
    await asyncio.gather(*(rooms.wait_for_end(name, timeout=40) for name in names))
    await until(lambda: not worker.jobs(), timeout=20, what="all jobs to end")


@pytest.mark.parametrize("name", ["agent--room", "agents-1-room", "Agent-1-room", f"agent-{'x' * 200}-room"])
async def test_a_room_that_nearly_matches_gets_no_agent_and_a_line(
    name: str, caller: Callable[..., Caller], worker: Worker, rooms: Rooms
) -> None:
    n_refused = len(worker.records("job.refused"))
    async with caller(room_name=name):
        record = await worker.wait_for_record("job.refused", n_refused + 1, timeout=20)
        assert record["room"] == name
        assert "is not named agent-<id>-room" in record["message"] or "1 to 128 letters" in record["message"]
        assert not await rooms.agents(name)


async def test_metadata_names_the_agent_in_any_room(
    caller: Callable[..., Caller], worker: Worker, rooms: Rooms, room: str
) -> None:
    lobby = f"lobby-{room}"
    async with caller(room_name=lobby) as guest:
        await worker.wait_for_record("job.refused", timeout=20)
        await rooms.dispatch(lobby, metadata='{"agent_id": "9"}')
        assert (await guest.wait_for_agent(limit=20)).startswith("ai-9-")
