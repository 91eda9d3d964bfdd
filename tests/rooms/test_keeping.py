"""Rooms are kept: in virtual time, on LiveKit in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from rooms.keeping import RETURN_GRACE, Intervals
from rooms.picture import Attempts, Closure, Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import LOCK_TROUBLE, ROOM, Stage, stage

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(5)]


def now() -> float:
    return asyncio.get_running_loop().time()


# -- a human and no agent


async def test_a_human_is_sent_an_agent_after_two_seconds() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(3)
        assert s.livekit.when("dispatch") == [pytest.approx(came_at + 2.0, abs=0.02)]
        assert len(s.livekit.made[ROOM].agents) == 1
        await asyncio.sleep(60)
        assert s.livekit.done() == [("dispatch", '{"agent_id":"1"}')]
        counts = s.keeper.stats()
        assert (counts.dispatches, counts.dispatches_answered, counts.without_agent) == (1, 1, 0)
        assert counts.dispatch_lengths[0] == pytest.approx(0.3, abs=0.05)


async def test_without_a_webhook_the_human_is_found_within_an_interval() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        came_at = now()
        await asyncio.sleep(8)
        assert s.livekit.when("dispatch")[0] <= came_at + 5.0 + 2.0 + 0.1


async def test_an_agent_that_does_not_come_is_asked_for_three_times_then_seldom() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(65)
        waits = [at - came_at for at in s.livekit.when("dispatch")]
        assert waits == pytest.approx([2, 7, 12, 27, 42, 57], abs=0.3)
        assert len(s.livekit.made[ROOM].dispatches) == 1, "older ones are taken back: never two agents"
        view = s.keeper.room(ROOM)
        assert view is not None
        assert "no agent came" in (view.trouble or "")
        assert view.attempts == 6
        assert s.keeper.stats().without_agent == 1


async def test_a_worker_that_comes_late_is_asked_at_once() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(20)
        s.livekit.worker_takes = 0.3
        s.beats.worker_came_at = now()
        s.keeping.wake_all()
        await asyncio.sleep(0.5)
        assert len(s.livekit.made[ROOM].agents) == 1
        await asyncio.sleep(20)
        assert s.keeper.rooms()[0].trouble is None
        assert s.keeping.memories[ROOM].attempts == Attempts()


async def test_an_agent_that_livekit_itself_sends_is_waited_for() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        s.beats.joining[ROOM] = now()
        await asyncio.sleep(8)
        s.agent()
        del s.beats.joining[ROOM]
        s.keeping.wake(ROOM)
        await asyncio.sleep(60)
        assert s.livekit.done() == []


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


# -- an agent is lost


async def _in_a_call(s: Stage) -> None:
    s.livekit.join(ROOM, "ann")
    s.agent()
    s.keeping.wake(ROOM)
    await asyncio.sleep(1)
    assert s.livekit.done() == []


async def test_a_killed_agent_is_followed_at_once() -> None:
    """Complaint 16."""
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await _in_a_call(s)
        s.falls(Health.GONE, cause="its process 7 is gone")
        killed_at = now()
        await asyncio.sleep(1)
        metadata = json.dumps({"agent_id": "1", "resumes": "a"}, separators=(",", ":"))
        assert s.livekit.done() == [("remove", "ai-1-a"), ("dispatch", metadata)]
        assert s.livekit.when("dispatch")[0] <= killed_at + 0.1
        assert len(s.livekit.made[ROOM].agents) == 1
        await asyncio.sleep(60)
        assert len(s.livekit.done()) == 2
        assert s.keeper.stats().recoveries == 1
        event = next(event for event in s.records.events if event.kind == "recover")
        assert event.evidence["sessions"][0]["health"] == "gone"
        assert "ann" not in str(event)


async def test_a_hung_agent_is_asked_then_removed_then_followed() -> None:
    """Complaint 18."""
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await _in_a_call(s)
        s.livekit.made[ROOM].people["ai-1-a"].answers = False
        s.falls(Health.SUSPECT)
        await asyncio.sleep(2)
        assert [name for name, _ in s.livekit.done()] == ["remove", "dispatch"]
        assert len(s.livekit.made[ROOM].agents) == 1


async def test_an_agent_that_only_the_registry_cannot_hear_stays() -> None:
    """Complaint 17."""
    async with stage() as s:
        await _in_a_call(s)
        s.falls(Health.SUSPECT, is_guess=True)
        await asyncio.sleep(600)
        assert s.livekit.done() == []
        assert s.livekit.made[ROOM].agents == ["ai-1-a"]
        assert 58 <= s.livekit.requests["ask"] <= 62, "asked every ten seconds"


async def test_an_agent_of_which_nothing_was_ever_heard_stays_while_it_answers() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.livekit.agent(ROOM, "stranger")
        await asyncio.sleep(600)
        assert s.livekit.done() == []


async def test_an_agent_that_livekit_cannot_ask_stays() -> None:
    async with stage() as s:
        await _in_a_call(s)
        s.livekit.failing["ask"] = "no such method"
        s.falls(Health.UNKNOWN, is_guess=True)
        await asyncio.sleep(120)
        assert s.livekit.done() == []


async def test_an_agent_that_is_heard_again_before_the_act_stays() -> None:
    async with stage() as s:
        await _in_a_call(s)
        loop = asyncio.get_running_loop()
        s.lock.on_ask = lambda: loop.call_soon_threadsafe(s.beats.say, ROOM, "a")
        s.falls(Health.GONE)
        await asyncio.sleep(30)
        assert s.livekit.done() == []


async def test_an_agent_that_comes_before_the_act_is_enough() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        loop = asyncio.get_running_loop()

        def come() -> None:
            if not s.livekit.made[ROOM].agents:
                s.agent()
            s.keeping.wake(ROOM)

        s.lock.on_ask = lambda: loop.call_soon_threadsafe(come)
        s.keeping.wake(ROOM)
        await asyncio.sleep(30)
        assert s.livekit.done() == []


async def test_a_recovery_that_failed_half_way_is_finished() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await _in_a_call(s)
        s.livekit.failing["dispatch"] = "LiveKit is out of reach"
        s.falls(Health.GONE)
        await asyncio.sleep(4)
        assert s.livekit.done() == [("remove", "ai-1-a")]
        s.livekit.failing.clear()
        await asyncio.sleep(8)
        assert len(s.livekit.when("dispatch")) == 1
        assert json.loads(s.livekit.done("dispatch")[0][1])["resumes"] == "a"
        assert len(s.livekit.made[ROOM].agents) == 1
        assert "failed" in s.records.kinds()


async def test_nobody_is_sent_before_the_dead_one_is_removed() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await _in_a_call(s)
        s.livekit.failing["remove"] = "LiveKit did not do it"
        s.falls(Health.GONE)
        await asyncio.sleep(30)
        assert s.livekit.done() == []
        s.livekit.failing.clear()
        await asyncio.sleep(2)
        assert [name for name, _ in s.livekit.done()] == ["remove", "dispatch"]


async def test_a_dead_agent_that_stays_on_the_list_is_followed_once() -> None:
    class Stubborn(FakeLiveKit):
        async def remove(self, room: str, identity: str) -> None:
            await super().remove(room, identity)
            self.agent(room, "a")

    async with stage(Stubborn(worker_takes=None)) as s:
        await _in_a_call(s)
        s.falls(Health.GONE)
        await asyncio.sleep(4)
        assert len(s.livekit.when("dispatch")) == 1


async def test_two_agents_become_one() -> None:
    """Complaint 15."""
    async with stage() as s:
        await _in_a_call(s)
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
        await _in_a_call(s)
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
        await _in_a_call(s)
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
        async def participants(self, room: str) -> None:  # type: ignore[override]
            if room == "agent-0-room":
                self.requests["broken"] += 1
                raise RuntimeError("broken in a way that nobody thought of")
            return await super().participants(room)  # type: ignore[return-value]

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
        await _in_a_call(s)
        lose(s)
        s.falls(Health.GONE)
        await asyncio.sleep(10)
        assert s.livekit.done() == []
        assert not s.leadership.is_leading


# -- wakes


async def test_a_wake_during_a_look_is_not_lost() -> None:
    async with stage() as s:
        await _in_a_call(s)
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
        await _in_a_call(s)
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
        assert (memory.sid, memory.attempts.n) == ("RM_3", 1)
        assert s.livekit.when("dispatch")[-1] == pytest.approx(made_at + 2, abs=0.1)


async def test_a_room_that_ended_is_forgotten() -> None:
    async with stage() as s:
        await _in_a_call(s)
        s.livekit.end(ROOM)
        await asyncio.sleep(20)
        assert s.keeper.rooms() == ()
        assert ROOM not in s.keeping.memories
        assert s.shown[-1] == ROOM


async def test_a_room_that_ends_while_its_agent_is_asked_is_forgotten() -> None:
    async with stage() as s:
        await _in_a_call(s)
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
        await _in_a_call(s)
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


# -- what it costs


async def test_a_thousand_quiet_rooms_cost_one_list_each_in_ten_seconds() -> None:
    livekit = FakeLiveKit()
    livekit.latency = 0.0
    async with stage(livekit) as s:
        s.keeping.wake(None)
        for number in range(1_000):
            room = f"agent-{number}-room"
            livekit.join(room, "ann")
            s.agent("x", room)
        await asyncio.sleep(6)
        before = livekit.requests.copy()
        await asyncio.sleep(10)
        asked = livekit.requests - before
        assert asked["participants"] <= 1_000
        assert asked["rooms"] <= 3
        assert set(asked) == {"participants", "rooms"}


async def test_intervals_are_what_they_are_set_to() -> None:
    async with stage(intervals=Intervals(rooms=1.0, health=50.0)) as s:
        await _in_a_call(s)
        before = s.livekit.requests.copy()
        await asyncio.sleep(20)
        asked = s.livekit.requests - before
        assert 19 <= asked["rooms"] <= 21
        assert asked["participants"] == 0


async def test_phases_are_written_down() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(3)
        s.livekit.leave(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(1)
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(1)
        assert s.phases() == ["empty → active", "active → grace_period", "grace_period → active"]
        assert s.records.kinds() == ["human_came", "dispatch", "agent_came", "humans_left", "human_came"]


async def test_it_ends_at_once_while_livekit_hangs() -> None:
    async with stage() as s:
        await _in_a_call(s)
        s.livekit.held = asyncio.Event()
        s.falls(Health.SUSPECT)
        await asyncio.sleep(1)
        ends_at = now()
    assert now() - ends_at < 0.1


async def test_a_brake_on_everything_does_not_lose_anybody() -> None:
    livekit = FakeLiveKit(worker_takes=0.1)
    async with stage(livekit) as s:
        for number in range(150):
            livekit.join(f"agent-{number}-room", "ann")
        s.keeping.wake(None)
        came_at = now()
        await asyncio.sleep(35)
        assert sum(at < came_at + 11 for at in livekit.when("dispatch")) <= 60
        assert all(len(room.agents) == 1 for room in livekit.made.values())


async def test_a_closure_that_was_given_is_shown() -> None:
    async with stage() as s:
        room = s.livekit.room(ROOM)
        s.keeping.closures[room.sid] = Closure(by="ann", reason="a test", at=now())
        await asyncio.sleep(6)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.closed is not None
        assert view.closed.by == "ann"
