"""Rooms are kept from their beginning to their end: in virtual time, on LiveKit in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from rooms.picture import Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, Stage, now, stage
from wire import AgentId

pytestmark = pytest.mark.looptime


# -- which rooms, and for which agent


async def test_a_room_of_another_program_is_never_touched() -> None:
    async with stage() as s:
        s.livekit.join("lobby", "ann")
        s.livekit.agent("lobby", None)
        await asyncio.sleep(120)
        assert s.livekit.done() == []
        assert s.keeper.rooms() == ()


async def test_a_room_without_a_human_is_left_to_itself() -> None:
    async with stage() as s:
        s.agent()
        await asyncio.sleep(120)
        assert s.livekit.done() == []


@pytest.mark.parametrize(
    ("name", "metadata", "agent_id"),
    [
        pytest.param("lobby", '{"agent_id": "7"}', "7", id="its metadata says so"),
        pytest.param(ROOM, '{"agent_id": "7"}', "7", id="its metadata says so, and not its name"),
        pytest.param(ROOM, '{"agent_id": "not an id"}', "1", id="metadata without an id"),
        pytest.param(ROOM, "[[[", "1", id="metadata of somebody else"),
        pytest.param("lobby", '{"topic": "x"}', None, id="nobody says so"),
    ],
)
async def test_which_agent_belongs_into_a_room(name: str, metadata: str, agent_id: str | None) -> None:
    async with stage() as s:
        s.livekit.room(name).metadata = metadata
        s.livekit.join(name, "ann")
        await asyncio.sleep(8)
        assert s.keeping.memories[name].agent_id == agent_id
        told = [json.loads(about) for _, about in s.livekit.done("dispatch")]
        assert told == ([] if agent_id is None else [{"agent_id": agent_id}])


def _ends(s: Stage) -> None:
    s.livekit.end("lobby")


def _is_deleted(s: Stage) -> None:
    _ends(s)
    s.keeping.memories["lobby"].deleted_at = now()  # as when it was garbage


@pytest.mark.parametrize("between", [0.0, 6.0], ids=["before it is noticed", "after it was noticed"])
@pytest.mark.parametrize("end", [_ends, _is_deleted], ids=["ended", "was deleted"])
async def test_who_belonged_into_a_room_does_not_belong_into_the_next_one_of_its_name(
    end: Callable[[Stage], None], between: float
) -> None:
    async with stage() as s:
        s.keeping.expect("lobby", s.livekit.room("lobby").sid, AgentId("7"))
        await asyncio.sleep(6)
        assert s.keeping.memories["lobby"].agent_id == "7"
        end(s)
        await asyncio.sleep(between)
        s.livekit.room("lobby").metadata = '{"agent_id": "8"}'
        await asyncio.sleep(6)
        assert s.keeping.memories["lobby"].agent_id == "8"
        assert s.keeping.known_agents == {}


# -- agents that must go


async def test_two_agents_become_one() -> None:
    """Complaint 15."""
    async with stage() as s:
        await s.in_a_call()
        s.agent("b", obeys=False)
        s.keeping.wake(ROOM)
        await asyncio.sleep(20)
        assert s.livekit.done() == [("ask_to_leave", "ai-1-b"), ("remove", "ai-1-b")]
        assert s.livekit.made[ROOM].agents == ["ai-1-a"]


async def test_an_agent_alone_past_its_grace_goes() -> None:
    """Complaint 12."""
    async with stage() as s:
        s.agent(obeys=False)
        s.falls(Health.ALIVE, phase="grace_period", grace_ends_at=now() + 60)
        await asyncio.sleep(69)
        assert s.livekit.done() == []
        await asyncio.sleep(7)
        assert s.livekit.done() == [("ask_to_leave", "ai-1-a"), ("remove", "ai-1-a")]


# -- wakes


async def test_a_wake_during_a_look_is_not_lost() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.held = asyncio.Event()
        s.keeping.wake(ROOM)
        await asyncio.sleep(0.01)
        s.livekit.leave(ROOM, "ann")  # the look has read already
        s.keeping.wake(ROOM)
        s.livekit.held.set()
        await asyncio.sleep(0.1)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.humans == ()
        assert view.phase == "grace_period"


async def test_many_wakes_are_one_look() -> None:
    async with stage() as s:
        await s.in_a_call()
        before = s.livekit.requests["participants"]
        for _ in range(1_000):
            s.keeping.wake(ROOM)
        await asyncio.sleep(0.1)
        assert s.livekit.requests["participants"] - before <= 2


async def test_a_wake_for_a_room_that_nobody_knows_lists_the_rooms() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(0.1)
        assert [view.name for view in s.keeper.rooms()] == [ROOM]
        s.keeping.wake("agent-nowhere-room")
        await asyncio.sleep(0.1)
        assert [view.name for view in s.keeper.rooms()] == [ROOM]


# -- rooms end and are made again


async def test_a_room_that_is_made_again_is_another_one() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(20)
        assert s.keeping.memories[ROOM].attempts.n == 3
        s.livekit.end(ROOM)
        s.livekit.join(ROOM, "ann")
        made_at = now()
        s.keeping.wake(None)
        await asyncio.sleep(4)
        memory = s.keeping.memories[ROOM]
        assert memory.sid == s.livekit.made[ROOM].sid
        assert memory.attempts.n == 1
        assert s.livekit.when("dispatch")[-1] == pytest.approx(made_at + 2, abs=0.1)


async def test_a_room_that_ended_is_forgotten() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.end(ROOM)
        await asyncio.sleep(20)
        assert s.keeper.rooms() == ()
        assert ROOM not in s.keeping.memories
        assert s.shown[-1] == ROOM


async def test_a_room_that_ends_while_its_agent_is_asked_is_forgotten() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.made[ROOM].people["ai-1-a"].answers = False
        s.falls(Health.SUSPECT)
        await asyncio.sleep(0.2)
        s.livekit.end(ROOM)
        s.keeping.wake(None)
        await asyncio.sleep(20)
        assert s.livekit.done() == []
        assert s.keeping.memories == {}


async def test_a_closure_lasts_as_long_as_the_room_whatever_becomes_of_the_keeper() -> None:
    livekit = FakeLiveKit(worker_takes=0.3)
    async with stage(livekit) as s:
        await s.in_a_call()
        await s.keeper.close(ROOM, by="ann", reason="a test", force=False)
        await asyncio.sleep(30)
        assert livekit.made[ROOM].agents == []
        closures = dict(s.records.closed)
    async with stage(livekit) as s:
        s.keeping.closures.update(closures)
        s.keeping.wake(None)
        before = len(livekit.when("dispatch"))
        await asyncio.sleep(30)
        assert len(livekit.when("dispatch")) == before
        livekit.end(ROOM)
        livekit.join(ROOM, "ann")
        await asyncio.sleep(12)
        assert len(livekit.made[ROOM].agents) == 1
