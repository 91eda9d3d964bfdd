"""Two callers on a real LiveKit server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from livekit import api

from stack.caller import Caller, CallerProcess
from stack.livekit_server import LiveKitServer
from stack.rooms import Rooms
from stack.until import until, until_answered

pytestmark = pytest.mark.e2e

ROOM = "agent-1-room"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LiveKitServer]:
    async with LiveKitServer(folder=tmp_path) as server:
        yield server


async def test_two_callers_hear_each_other(server: LiveKitServer) -> None:
    async with Caller(server.address, ROOM, "ann") as ann, Caller(server.address, ROOM, "bob") as bob:
        for speaker, listener in ((ann, bob), (bob, ann)):
            said = await speaker.say("When is breakfast served?")
            heard = await listener.hear(after=said.started_at, limit=5, speaker=speaker.identity)
            assert heard.started_at - said.started_at < 1
            assert abs((heard.ended_at - heard.started_at) - (said.ended_at - said.started_at)) < 0.5


async def test_a_killed_caller_is_still_listed_and_one_that_left_is_not(
    server: LiveKitServer, tmp_path: Path
) -> None:
    async with Rooms(server.address) as rooms:
        async with CallerProcess(server.address, ROOM, "cy", folder=tmp_path) as separate:
            async with Caller(server.address, ROOM, "ann") as ann:
                assert [one.identity for one in ann.others] == ["cy"]
            separate.kill()
            assert [one.identity for one in await rooms.participants(ROOM)] == ["cy"]
        await rooms.delete(ROOM)
        await rooms.delete(ROOM)
        assert await rooms.participants(ROOM) == []


async def test_a_reload_is_a_leave_and_a_join(server: LiveKitServer) -> None:
    async with Caller(server.address, ROOM, "ann") as ann, Caller(server.address, ROOM, "bob") as bob:
        await ann.reload()

        def seen() -> list[str]:
            return [event.name for event in bob.events if event.identity == "ann"]

        await until(lambda: len(seen()) >= 2, timeout=20, what="both events")
        assert seen() == ["participant_disconnected", "participant_connected"]
        await ann.leave()
        await ann.leave()


async def test_a_server_comes_back_on_its_ports(server: LiveKitServer) -> None:
    async with Rooms(server.address) as rooms:
        await rooms.create(ROOM, departure_timeout=7)
        room = await rooms.room(ROOM)
        assert room is not None
        assert room.departure_timeout == 7
        server.kill()
        await server.start()
        assert await rooms.names() == []


async def test_rpc_through_the_server_api(server: LiveKitServer) -> None:
    async with Rooms(server.address) as rooms, Caller(server.address, ROOM, "ann") as ann:
        ann.room.local_participant.register_rpc_method("ping", lambda call: f"pong {call.payload}")

        async def ponged() -> str | None:
            with suppress(api.TwirpError):
                return await rooms.perform_rpc(ROOM, "ann", "ping", "1")
            return None

        assert await until_answered(ponged, timeout=20, what="the way for data to be open") == "pong 1"
        with pytest.raises(api.TwirpError):
            await rooms.perform_rpc(ROOM, "ann", "no-such-method")


async def test_joining_can_be_cancelled(server: LiveKitServer) -> None:
    caller = Caller(server.address, ROOM, "ann")
    joining = asyncio.create_task(caller.join())
    await asyncio.sleep(0.01)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    async with Rooms(server.address) as rooms:
        assert await rooms.participants(ROOM) == []
