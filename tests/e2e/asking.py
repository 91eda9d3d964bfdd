"""Waiting for an agent on a machine that has too much to do."""

from __future__ import annotations

from stack.caller import Guest
from stack.errors import LateError
from stack.rooms import Rooms
from stack.worker import Worker


async def wait_for_agent_asking_again(guest: Guest, worker: Worker, rooms: Rooms) -> bool:
    """Wait until `guest` has an agent. Returns whether LiveKit had to be asked a second time.

    On a starved machine livekit-server drops a request before it asks any worker, and never asks again: somebody else
    has to, which is what the registry is for. Where there is none, the worker must not have heard of the room, and a
    second request must be answered.
    """
    try:
        await guest.wait_for_agent(limit=40)
    except LateError:
        assert guest.room_name not in worker.log_text(), worker.log_text()[-4000:]
        await rooms.dispatch(guest.room_name)
        await guest.wait_for_agent(limit=40)
        return True
    return False
