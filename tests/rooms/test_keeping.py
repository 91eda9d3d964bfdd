"""Rooms are kept: in virtual time, on LiveKit in memory."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable

import pytest

from rooms.picture import Attempts, Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, Stage, stage
from wire import AgentId

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


async def test_a_killed_agent_is_followed_at_once() -> None:
    """Complaint 16."""
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await s.in_a_call()
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
        await s.in_a_call()
        s.livekit.made[ROOM].people["ai-1-a"].answers = False
        s.falls(Health.SUSPECT)
        await asyncio.sleep(2)
        assert [name for name, _ in s.livekit.done()] == ["remove", "dispatch"]
        assert len(s.livekit.made[ROOM].agents) == 1


async def test_an_agent_that_only_the_registry_cannot_hear_stays() -> None:
    """Complaint 17."""
    async with stage() as s:
        await s.in_a_call()
        s.falls(Health.SUSPECT, is_guess=True)
        asyncio.get_running_loop().set_debug(False)
        await asyncio.sleep(600)
        assert s.livekit.done() == []
        assert s.livekit.made[ROOM].agents == ["ai-1-a"]
        assert 58 <= s.livekit.requests["ask"] <= 62, "asked every ten seconds"


async def test_an_agent_of_which_nothing_was_ever_heard_stays_while_it_answers() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.livekit.agent(ROOM, "stranger")
        await asyncio.sleep(120)
        assert s.livekit.done() == []


async def test_an_agent_that_livekit_cannot_ask_stays() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.failing["ask"] = "no such method"
        s.falls(Health.UNKNOWN, is_guess=True)
        await asyncio.sleep(120)
        assert s.livekit.done() == []


async def test_an_agent_that_is_heard_again_before_the_act_stays() -> None:
    async with stage() as s:
        await s.in_a_call()
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
        await s.in_a_call()
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
        await s.in_a_call()
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
        await s.in_a_call()
        s.falls(Health.GONE)
        await asyncio.sleep(4)
        assert len(s.livekit.when("dispatch")) == 1
        assert len(s.livekit.when("remove")) <= 21, "and not tried without a pause"


async def test_a_stranger_that_does_not_answer_goes_after_two_questions() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.livekit.agent(ROOM, "stranger", answers=False)
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(20)
        assert [name for name, _ in s.livekit.done()] == ["remove", "dispatch"]
        # Three seconds to settle, two questions of 0.8 s, and four seconds between their ends.
        assert s.livekit.when("remove")[0] == pytest.approx(came_at + 3 + 0.8 + 4 + 0.8, abs=0.1)
        assert s.livekit.requests["ask"] == 2


async def test_a_stranger_whose_loop_was_late_for_once_stays() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        stranger = s.livekit.agent(ROOM, "stranger", answers=False)
        s.keeping.wake(ROOM)
        await asyncio.sleep(5)
        assert s.livekit.requests["ask"] == 1
        stranger.answers = True
        await asyncio.sleep(60)
        assert s.livekit.done() == []


async def test_a_silence_of_long_ago_is_not_the_first_of_two() -> None:
    async with stage() as s:
        await s.in_a_call()
        agent = s.livekit.made[ROOM].people["ai-1-a"]
        for _ in range(2):
            agent.answers = False
            s.falls(Health.UNKNOWN)
            await asyncio.sleep(2)
            agent.answers = True
            s.falls(Health.ALIVE)
            await asyncio.sleep(600)
        assert s.livekit.requests["ask"] == 2
        assert s.livekit.done() == []


async def test_an_attempt_counts_once_livekit_has_taken_it() -> None:
    async with stage() as s:
        s.livekit.failing["dispatch"] = "LiveKit did not do it"
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(8)
        memory = s.keeping.memories[ROOM]
        assert s.livekit.requests["dispatch"] >= 4
        assert (memory.attempts, s.keeper.stats().dispatches) == (Attempts(), 0)
        s.livekit.failing.clear()
        await asyncio.sleep(1.5)
        assert (memory.attempts.n, s.keeper.stats().dispatches) == (1, 1)


async def test_the_next_agent_is_asked_for_before_the_last_is_taken_back() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(3)
        (first,) = s.livekit.made[ROOM].dispatches
        await asyncio.sleep(5)
        assert [name for name, _ in s.livekit.done()] == ["dispatch", "dispatch", "undispatch"]
        assert s.livekit.done("undispatch") == [("undispatch", first)]


async def test_a_dispatch_that_cannot_be_taken_back_holds_nothing_up() -> None:
    async with stage() as s:
        s.livekit.failing["undispatch"] = "LiveKit did not do it"
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        came_at = now()
        await asyncio.sleep(14)
        waits = [at - came_at for at in s.livekit.when("dispatch")]
        assert waits == pytest.approx([2, 7, 12], abs=0.3)
        assert s.keeping.memories[ROOM].attempts.n == 3
        assert "failed" not in s.records.kinds()


async def test_a_call_that_kills_every_agent_gets_one_after_the_other_at_last_seldom() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await s.in_a_call()
        doomed = asyncio.create_task(_kill_all(s))
        began_at = now()
        await asyncio.sleep(100)
        doomed.cancel()
        sent = [at - began_at for at in s.livekit.when("dispatch")]
        assert sum(at < 10 for at in sent) == 3, "three at once"
        assert 6 <= len(sent[3:]) <= 7, "then one in fifteen seconds"
        assert all(later - sooner >= 14.9 for sooner, later in itertools.pairwise(sent[3:]))
        assert all(json.loads(about)["resumes"] for _, about in s.livekit.done("dispatch"))
        await asyncio.sleep(0.5)
        assert len(s.livekit.made[ROOM].agents) <= 1


async def _kill_all(s: Stage) -> None:
    """Each agent dies two seconds after it came."""
    while True:
        await asyncio.sleep(2)
        for agent in s.livekit.made[ROOM].agents:
            s.falls(Health.GONE, agent.removeprefix("ai-1-"))


async def test_a_room_in_which_agents_are_lost_one_after_the_other_is_in_trouble() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await s.in_a_call()
        doomed = asyncio.create_task(_kill_all(s))
        await asyncio.sleep(12)
        doomed.cancel()
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.agents == (), "the dead one is not left there"
        assert "lost here one after the other" in (view.trouble or "")
        await asyncio.sleep(20)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert (len(view.agents), view.trouble) == (1, None)


async def test_an_agent_that_beats_elsewhere_and_vanishes_is_gone_on_with() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.livekit.agent(ROOM, "stranger")
        s.keeping.wake(ROOM)
        await asyncio.sleep(20)
        s.livekit.leave(ROOM, "ai-1-stranger")
        s.keeping.wake(ROOM)
        await asyncio.sleep(3)
        ((_, about),) = s.livekit.done("dispatch")
        assert json.loads(about) == {"agent_id": "1", "resumes": "stranger"}


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


# -- which agent belongs where


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
        s.livekit.room("lobby")
        s.keeping.expect("lobby", AgentId("7"))
        await asyncio.sleep(6)
        assert s.keeping.memories["lobby"].agent_id == "7"
        end(s)
        await asyncio.sleep(between)
        s.livekit.room("lobby").metadata = '{"agent_id": "8"}'
        await asyncio.sleep(6)
        assert s.keeping.memories["lobby"].agent_id == "8"
        assert s.keeping.known_agents == {}
