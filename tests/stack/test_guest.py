"""Light callers on a real LiveKit server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.attendance import Attendance
from stack.caller import Caller, Guest
from stack.errors import StackError
from stack.livekit_server import LiveKitServer
from stack.rooms import Rooms
from stack.until import until

pytestmark = pytest.mark.e2e

ROOM = "agent-1-room"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LiveKitServer]:
    async with LiveKitServer(folder=tmp_path) as server:
        yield server


async def test_others_see_a_guest_come_and_go_at_once(server: LiveKitServer) -> None:
    async with Caller(server.address, ROOM, "ann") as ann:
        async with Guest(server.address, ROOM) as guest:
            await until(lambda: ann.others, timeout=2.5, what="the guest")
            with pytest.raises(StackError, match="guest is in agent-1-room already"):
                await guest.join()
        await until(lambda: not ann.others, timeout=2.5, what="the guest to be gone")
        await guest.leave()
        await guest.join()
        await until(lambda: ann.others, timeout=2.5, what="the guest again")
        await guest.leave()


async def test_a_guest_of_a_deleted_room_is_lost_and_may_come_again(server: LiveKitServer) -> None:
    async with Rooms(server.address) as rooms, Attendance(rooms) as attendance:
        attendance.watch(ROOM)
        async with Guest(server.address, ROOM) as guest:
            await until(lambda: attendance.latest(ROOM).humans == ("guest",), timeout=20, what="the guest")
            assert not guest.is_lost
            await rooms.delete(ROOM)
            await until(lambda: guest.is_lost, timeout=20, what="the guest to notice")
            await guest.leave()
            await guest.join()
            assert guest.is_in
            assert not guest.is_lost
