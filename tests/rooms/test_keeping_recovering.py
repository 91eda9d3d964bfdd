"""A lost agent is removed and followed: in virtual time, on LiveKit in memory."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from rooms.picture import Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, Stage, now, stage

pytestmark = pytest.mark.looptime


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


async def test_the_successor_of_an_agent_that_was_asked_for_by_its_id_is_the_same_agent() -> None:
    """Somebody asked for another agent than the one that the room's name names."""
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join(ROOM, "ann")
        s.livekit.agent(ROOM, "b", agent_id="other")
        s.beats.say(ROOM, "b")
        s.keeping.wake(None)
        await asyncio.sleep(5)
        s.livekit.leave(ROOM, "ai-other-b")
        s.beats.say(ROOM, "b", Health.GONE)
        s.keeping.wake(None)
        await asyncio.sleep(5)
        assert [json.loads(metadata) for _, metadata in s.livekit.done("dispatch")] == [
            {"agent_id": "other", "resumes": "b"}
        ]


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
