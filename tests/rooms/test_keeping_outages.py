"""Rooms are kept when much goes wrong at once: LiveKit, the database, many agents. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rooms.listing import RETURN_GRACE
from rooms.livekit import Participant
from rooms.picture import Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import LOCK_TROUBLE, ROOM, Stage, now, stage

pytestmark = pytest.mark.looptime


# -- many at once


async def test_many_silent_agents_are_held_back_and_known_dead_ones_are_not() -> None:
    """Complaint 34."""
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        rooms = [f"agent-{number}-room" for number in range(10)]
        for room in rooms:
            s.livekit.join(room, "ann")
            s.agent("x", room, answers=False)
        await asyncio.sleep(6)
        for room in rooms[:8]:
            s.falls(Health.SUSPECT, "x", room, is_guess=True)
        await asyncio.sleep(10)
        assert len(s.livekit.when("remove")) == 3
        assert "many agents fell silent at once" in (s.keeper.state().trouble or "")
        for room in rooms[8:]:
            s.falls(Health.GONE, "x", room)
        await asyncio.sleep(1)
        assert len(s.livekit.when("remove")) == 5


async def test_agents_that_answer_again_are_no_trouble_any_more() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        rooms = [f"agent-{number}-room" for number in range(5)]
        for room in rooms:
            s.livekit.join(room, "ann")
            s.agent("x", room, answers=False)
            s.falls(Health.SUSPECT, "x", room, is_guess=True)
        await asyncio.sleep(10)
        assert s.keeper.state().trouble is not None
        for room in rooms:
            for one in s.livekit.made[room].people.values():
                one.answers = True
        await asyncio.sleep(70)
        assert s.keeper.state().trouble is None


async def test_a_registry_that_did_not_lead_begins_with_all_its_acts() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3), leads=False) as s:
        rooms = [f"agent-{number}-room" for number in range(3)]
        for room in rooms:
            s.livekit.join(room, "ann")
            s.agent("x", room, answers=False)
            s.falls(Health.SUSPECT, "x", room, is_guess=True)
        await asyncio.sleep(8)
        assert s.livekit.done() == []
        s.lock.is_free = True
        await asyncio.sleep(9)
        assert len(s.livekit.when("remove")) == 3


# -- LiveKit comes and goes


async def test_nothing_is_done_without_livekit_nor_right_after_its_return() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await s.in_a_call()
        s.livekit.trouble = "LiveKit is out of reach"
        await asyncio.sleep(6)
        s.falls(Health.GONE)
        before = s.livekit.requests.copy()
        await asyncio.sleep(60)
        asked = s.livekit.requests - before
        assert set(asked) == {"rooms"}, "no room is asked about while LiveKit is out of reach"
        assert asked["rooms"] <= 14
        assert s.keeper.state().trouble == "LiveKit is out of reach"
        s.livekit.trouble = None
        back_at = now()
        await asyncio.sleep(10)
        assert s.livekit.when("remove")[0] >= back_at + RETURN_GRACE
        assert s.livekit.when("remove")[0] <= back_at + 5 + RETURN_GRACE + 0.3
        assert s.keeper.state().is_reachable


async def test_agents_that_come_back_with_livekit_are_the_same() -> None:
    """Complaint 41."""
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await s.in_a_call()
        s.livekit.trouble = "LiveKit is out of reach"
        s.livekit.end(ROOM)
        await asyncio.sleep(10)
        s.livekit.trouble = None
        s.livekit.join(ROOM, "ann")
        await asyncio.sleep(4)
        s.agent()
        s.keeping.wake(ROOM)
        await asyncio.sleep(60)
        assert s.livekit.done() == []
        assert s.livekit.made[ROOM].agents == ["ai-1-a"]


async def test_one_room_that_fails_does_not_hurt_the_others() -> None:
    class Picky(FakeLiveKit):
        async def participants(self, room: str) -> list[Participant] | None:
            if room == "agent-0-room":
                self.requests["broken"] += 1
                raise RuntimeError("broken in a way that nobody thought of")
            return await super().participants(room)

    async with stage(Picky(worker_takes=0.3)) as s:
        s.livekit.join("agent-0-room", "bob")
        s.livekit.join(ROOM, "ann")
        await asyncio.sleep(10)
        assert len(s.livekit.made[ROOM].agents) == 1
        assert s.livekit.requests["broken"] <= 3


async def test_a_room_that_livekit_does_not_tell_about_is_asked_for_once_a_second() -> None:
    async with stage(leads=False) as s:
        s.livekit.failing["participants"] = "LiveKit did not do it"
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(60)
        assert 40 <= s.livekit.requests["participants"] <= 61
        assert s.livekit.requests["rooms"] <= 75


async def test_a_list_of_rooms_that_breaks_does_not_end_the_loop() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.failing["rooms"] = "x"
        await asyncio.sleep(30)
        s.livekit.failing.clear()
        s.livekit.join(ROOM, "ann")
        await asyncio.sleep(12)
        assert len(s.livekit.made[ROOM].agents) == 1


# -- who leads


async def test_who_does_not_lead_looks_and_never_acts() -> None:
    async with stage(leads=False) as s:
        s.livekit.join(ROOM, "ann")
        await asyncio.sleep(30)
        assert s.livekit.done() == []
        assert s.livekit.requests["participants"] > 1
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.last_decision is not None
        assert view.last_decision.action == "dispatch"
        assert s.keeper.state().trouble == "another registry on the same database keeps the rooms"
        s.lock.is_free = True
        await asyncio.sleep(2)
        assert len(s.livekit.when("dispatch")) == 1


def _lost(s: Stage) -> None:
    s.lock.is_free = False


def _away(s: Stage) -> None:
    s.lock.error = LOCK_TROUBLE


@pytest.mark.parametrize("lose", [_lost, _away], ids=["another one leads", "the database is away"])
async def test_leadership_lost_before_the_act_prevents_it(lose: Callable[[Stage], None]) -> None:
    async with stage() as s:
        await s.in_a_call()
        lose(s)
        s.falls(Health.GONE)
        await asyncio.sleep(10)
        assert s.livekit.done() == []
        assert not s.leadership.is_leading


async def test_a_burst_of_humans_is_not_held_back() -> None:
    asyncio.get_running_loop().set_debug(False)
    livekit = FakeLiveKit(worker_takes=0.1)
    async with stage(livekit) as s:
        for number in range(80):
            livekit.join(f"agent-{number}-room", "ann")
        s.keeping.wake(None)
        await asyncio.sleep(3)
        assert all(len(room.agents) == 1 for room in livekit.made.values())


async def test_a_brake_on_everything_does_not_lose_anybody() -> None:
    asyncio.get_running_loop().set_debug(False)
    livekit = FakeLiveKit(worker_takes=0.1)
    async with stage(livekit) as s:
        livekit.failing["dispatch"] = "LiveKit did not do it"
        for number in range(80):
            livekit.join(f"agent-{number}-room", "ann")
        s.keeping.wake(None)
        await asyncio.sleep(11)
        assert livekit.requests["dispatch"] == 2 * 80, "each is tried again after a second"
        livekit.failing.clear()
        await asyncio.sleep(20)
        assert all(len(room.agents) == 1 for room in livekit.made.values())
        assert len(livekit.when("dispatch")) == 80
