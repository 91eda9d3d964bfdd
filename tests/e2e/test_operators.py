"""What operators and other agents can ask of a call, over LiveKit itself."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from livekit import api, rtc

from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until
from stack.worker import Worker
from tests.e2e.test_presence import ask, greeted, reasons

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("worker")]

MakeCaller = Callable[..., Caller]


def payload(livekit: LiveKitServer, room: str, *, admin: bool = True) -> str:
    token = (
        api.AccessToken(livekit.api_key, livekit.api_secret)
        .with_grants(api.VideoGrants(room_admin=admin, room=room))
        .with_ttl(datetime.timedelta(seconds=30))
    )
    return json.dumps({"token": token.to_jwt()})


async def test_status_and_leave(
    caller: MakeCaller, livekit: LiveKitServer, worker: Worker, rooms: Rooms, room: str
) -> None:
    async with caller() as guest:
        agent = await guest.wait_for_agent()
        await until(lambda: bool(guest.others[0].attributes), timeout=15, what="its attributes")
        answer = await rooms.perform_rpc(room, agent, "roomkeeper.status", payload(livekit, room))
        status = json.loads(answer)
        assert (status["phase"], status["humans"], status["agent_id"]) == ("active", 1, room[6:-5])
        assert status["incarnation"] == guest.others[0].attributes["roomkeeper.incarnation"]
        assert 0 <= status["since"] < 10
        assert status["grace_left"] is None
        assert status["loop_lag_ms"] >= 0

        answer = await rooms.perform_rpc(room, agent, "roomkeeper.leave", payload(livekit, room))
        assert json.loads(answer) == {"leaving": True}
        await guest.wait_for_agent_gone(limit=15)
    await until(lambda: reasons(worker, room) == ["operator"], timeout=15, what="the reason")


@pytest.mark.parametrize("method", ["roomkeeper.status", "roomkeeper.leave"])
async def test_who_is_merely_in_the_room_is_refused(
    method: str, caller: MakeCaller, livekit: LiveKitServer, room: str
) -> None:
    async with caller() as guest:
        agent = await guest.wait_for_agent()
        await greeted(guest)
        for bad in (
            "",
            "{}",
            "rubbish",
            '{"token": "x"}',
            payload(livekit, room, admin=False),
            payload(livekit, "other"),
        ):
            with pytest.raises(rtc.RpcError) as error:
                await guest.perform_rpc(agent, method, bad)
            assert error.value.code == 2403
        assert guest.agents == [agent]


async def test_of_two_agents_the_younger_leaves(
    caller: MakeCaller, worker: Worker, rooms: Rooms, room: str
) -> None:
    async with caller() as guest:
        elder = await guest.wait_for_agent()
        await greeted(guest)
        await rooms.dispatch(room)
        await until(lambda: reasons(worker, room) == ["duplicate"], timeout=20, what="the younger to leave")
        await until(lambda: guest.agents == [elder], timeout=15, what="one agent")
        await ask(guest)


async def test_nobody_yields_to_the_ghost_of_a_killed_agent(
    caller: MakeCaller, worker: Worker, rooms: Rooms, room: str
) -> None:
    async with caller() as guest:
        ghost = await guest.wait_for_agent()
        await greeted(guest)
        process = worker.job_in(room)
        assert process is not None
        process.kill()
        await rooms.dispatch(room)
        await until(lambda: len(guest.agents) == 2, timeout=20, what="the successor")
        await asyncio.sleep(6)  # the ghost stays for 20 s; the successor asks it for 4
        assert reasons(worker, room) == []
        assert set(guest.agents) - {ghost}
        await ask(guest)


async def test_a_journal_that_cannot_be_written_does_not_end_the_call(
    livekit: LiveKitServer, models: LocalModels, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    async with (
        LiveKitServer() as own,
        Worker(own.address, models_url=models.url, env={"ROOMKEEPER_HOME": str(tmp_path / "home")}) as worker,
        Caller(own.address, "agent-1-room", models_url=models.url) as guest,
    ):
        await greeted(guest)
        await ask(guest)
        (failed,) = worker.records("journal.failed")
        assert "Not a directory" in failed["error"]
