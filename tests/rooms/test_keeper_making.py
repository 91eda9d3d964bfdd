"""Rooms that are made for somebody: which agent belongs there, and whether one is sent."""

from __future__ import annotations

import asyncio
import json

import pytest

from rooms.errors import LiveKitError
from rooms.limits import Intervals
from rooms.livekit import ListedRoom
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, Stage, now, stage
from wire import LEAVING, AgentId

pytestmark = pytest.mark.looptime

SEVEN = AgentId("7")


@pytest.mark.parametrize(
    ("name", "agent_id", "dispatch", "is_asked_for"),
    [
        pytest.param(ROOM, "1", True, False, id="LiveKit sends it by itself"),
        pytest.param("lobby", "1", True, True, id="another name"),
        pytest.param(ROOM, "2", True, True, id="another agent than the name says"),
        pytest.param("lobby", "1", False, False, id="not wanted yet"),
        pytest.param("lobby", None, True, False, id="nobody is wanted"),
    ],
)
async def test_a_room_is_made(name: str, agent_id: str | None, dispatch: bool, is_asked_for: bool) -> None:
    async with stage() as s:
        wanted = None if agent_id is None else AgentId(agent_id)
        dispatch_id = await s.keeper.create_room(name, agent_id=wanted, metadata="{}", dispatch=dispatch)
        assert (dispatch_id is not None) is is_asked_for
        assert s.livekit.made[name].departure_timeout == 120
        asked = [json.loads(about) for _, about in s.livekit.done("dispatch")]
        assert asked == ([{"agent_id": agent_id}] if is_asked_for else [])


@pytest.mark.parametrize(
    ("name", "agent_id", "given", "metadata"),
    [
        pytest.param("lobby", "7", "", '{"agent_id":"7"}', id="its name names no agent"),
        pytest.param(ROOM, "7", "", '{"agent_id":"7"}', id="its name names another agent"),
        pytest.param(ROOM, "1", "", "", id="its name says it"),
        pytest.param("lobby", None, "", "", id="nobody is wanted"),
        pytest.param("lobby", "7", "mine", "mine", id="it has metadata of its own"),
    ],
)
async def test_a_room_says_itself_which_agent_belongs_there(
    name: str, agent_id: str | None, given: str, metadata: str
) -> None:
    async with stage() as s:
        wanted = None if agent_id is None else AgentId(agent_id)
        await s.keeper.create_room(name, agent_id=wanted, metadata=given)
        assert s.livekit.made[name].metadata == metadata
        await asyncio.sleep(1)
        assert s.keeping.memories[name].agent_id == (agent_id or None)


async def test_another_registry_knows_which_agent_belongs_into_a_room_that_was_made_here() -> None:
    livekit = FakeLiveKit(worker_takes=0.3)
    async with stage(livekit) as s:
        await s.keeper.create_room("lobby", agent_id=AgentId("7"))
    async with stage(livekit) as s:
        livekit.join("lobby", "ann")
        await asyncio.sleep(8)
        assert livekit.done("dispatch") == [("dispatch", '{"agent_id":"7"}')]


async def test_a_room_of_any_name_is_kept_for_the_agent_it_was_made_for() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await s.keeper.create_room("lobby", agent_id=AgentId("7"))
        s.livekit.join("lobby", "ann")
        s.keeping.wake("lobby")
        await asyncio.sleep(4)
        assert s.livekit.done("dispatch") == [("dispatch", '{"agent_id":"7"}')]


# -- which agent belongs there


async def test_a_room_that_could_not_be_made_is_nobodys() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.join("lobby", "ann")  # another program's
        s.keeping.wake(None)
        await asyncio.sleep(1)
        s.livekit.failing["create"] = "LiveKit did not do it"
        with pytest.raises(LiveKitError):
            await s.keeper.create_room("lobby", agent_id=SEVEN, dispatch=True)
        await asyncio.sleep(20)
        assert s.keeping.memories["lobby"].agent_id is None
        assert (s.keeping.known_agents, s.livekit.done("dispatch")) == ({}, [])


class _Slow(FakeLiveKit):
    """Makes a room at once, and says so a second later."""

    async def create(self, room: str, *, metadata: str) -> str:
        sid = await super().create(room, metadata=metadata)
        await asyncio.sleep(1)
        return sid


async def test_a_room_that_is_listed_before_livekit_says_that_it_is_made_is_kept() -> None:
    async with stage(_Slow(worker_takes=0.3), intervals=Intervals(rooms=10_000, health=10_000)) as s:
        making = asyncio.create_task(s.keeper.create_room("lobby", agent_id=SEVEN, metadata="mine"))
        await asyncio.sleep(0.1)
        s.livekit.join("lobby", "ann")
        s.keeping.wake(None)  # LiveKit's webhook
        await asyncio.sleep(0.5)
        assert s.keeping.memories["lobby"].agent_id is None
        await making
        await asyncio.sleep(3)
        assert s.livekit.done("dispatch") == [("dispatch", '{"agent_id":"7"}')]


async def test_a_room_that_was_made_anew_a_moment_ago_is_the_one_that_is_kept() -> None:
    async with stage(intervals=Intervals(rooms=10_000)) as s:
        s.livekit.join("lobby", "ann")
        s.keeping.wake(None)
        await asyncio.sleep(1)
        s.livekit.end("lobby")
        s.livekit.join("lobby", "bob")
        await s.keeper.create_room("lobby", agent_id=SEVEN)
        await asyncio.sleep(1)
        memory = s.keeping.memories["lobby"]
        assert (memory.sid, memory.agent_id) == (s.livekit.made["lobby"].sid, "7")
        assert s.keeping.known_agents == {memory.sid: "7"}


class _Late(FakeLiveKit):
    """Answers with the list of rooms as late as it is told to."""

    late = 0.0

    async def rooms(self) -> list[ListedRoom]:
        late, self.late = self.late, 0.0
        listed = await super().rooms()
        await asyncio.sleep(late)
        return listed


async def test_a_list_from_before_a_room_was_made_does_not_end_it() -> None:
    livekit = _Late()
    async with stage(livekit, intervals=Intervals(rooms=10_000)) as s:
        livekit.late = 0.5
        s.keeping.wake(None)
        await asyncio.sleep(0.1)  # that list is on its way
        await s.keeper.create_room("lobby", agent_id=SEVEN, metadata="mine", dispatch=True)
        await asyncio.sleep(1)
        memory = s.keeping.memories["lobby"]
        assert (memory.sid, memory.agent_id, memory.attempts.n) == (livekit.made["lobby"].sid, "7", 1)


# -- whether one is sent


async def _ask(s: Stage) -> str | None:
    return await s.keeper.create_room("lobby", agent_id=SEVEN, dispatch=True)


async def test_where_an_agent_is_no_other_one_is_sent() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        assert await _ask(s) is not None
        await asyncio.sleep(1)
        s.livekit.join("lobby", "ann")
        for _ in range(3):  # a second human, or the page is loaded anew
            assert await _ask(s) is None
            await asyncio.sleep(7)
        assert s.livekit.done("dispatch") == [("dispatch", '{"agent_id":"7"}')]
        assert len(s.livekit.made["lobby"].agents) == 1


async def test_an_agent_that_came_a_moment_ago_is_seen() -> None:
    async with stage(intervals=Intervals(rooms=10_000, health=10_000)) as s:
        s.livekit.join("lobby", "ann")
        s.keeping.wake(None)
        await asyncio.sleep(1)
        s.livekit.agent("lobby", "a", agent_id="7")  # nothing has told of it
        assert await _ask(s) is None
        assert s.livekit.done("dispatch") == []


async def test_two_who_ask_at_once_get_one_agent() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        asked = await asyncio.gather(_ask(s), _ask(s), _ask(s))
        assert sum(dispatch_id is not None for dispatch_id in asked) == 1
        await asyncio.sleep(1)
        assert len(s.livekit.made["lobby"].agents) == 1


async def test_an_agent_that_did_not_come_is_asked_for_anew_and_only_once() -> None:
    async with stage() as s:
        await _ask(s)
        await asyncio.sleep(4.9)
        assert await _ask(s) is None
        await asyncio.sleep(0.2)
        second = await _ask(s)
        assert list(s.livekit.made["lobby"].dispatches) == [second], "the first one is taken back"


async def test_the_keeper_does_not_ask_for_an_agent_that_was_asked_for_already() -> None:
    async with stage() as s:
        await asyncio.sleep(1)
        asked_at = now()
        await _ask(s)
        s.livekit.join("lobby", "ann")
        s.keeping.wake("lobby")
        await asyncio.sleep(4.8)
        assert s.livekit.when("dispatch") == [pytest.approx(asked_at, abs=0.1)]
        await asyncio.sleep(0.5)
        assert len(s.livekit.when("dispatch")) == 2


async def test_an_agent_that_a_worker_brings_is_waited_for_twelve_seconds() -> None:
    async with stage() as s:
        s.beats.joining["lobby"] = now()
        assert await _ask(s) is None
        await asyncio.sleep(11.9)
        assert await _ask(s) is None
        await asyncio.sleep(0.1)
        assert await _ask(s) is not None


async def test_no_agent_is_sent_to_a_room_that_an_operator_closed() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        await _ask(s)
        s.livekit.join("lobby", "ann")
        await asyncio.sleep(1)
        await s.keeper.close("lobby", by="ann", reason="a test", force=True)
        await asyncio.sleep(7)
        assert await _ask(s) is None
        await asyncio.sleep(7)
        assert (len(s.livekit.when("dispatch")), s.livekit.made["lobby"].agents) == (1, [])


async def test_whoever_comes_while_an_agent_leaves_is_sent_the_next_one() -> None:
    async with stage(FakeLiveKit(worker_takes=0.3)) as s:
        s.livekit.agent("lobby", "a", agent_id="7").attributes[LEAVING] = "humans_left"
        assert await _ask(s) is not None


async def test_where_livekits_list_is_late_an_agent_is_sent_all_the_same() -> None:
    async with stage(intervals=Intervals(rooms=10_000)) as s:
        s.livekit.failing["rooms"] = "LiveKit did not do it"
        assert await _ask(s) is not None
        assert s.livekit.done("dispatch") == [("dispatch", '{"agent_id":"7"}')]


async def test_an_agent_that_livekit_does_not_take_is_an_error_and_no_attempt() -> None:
    async with stage() as s:
        s.livekit.failing["dispatch"] = "LiveKit did not do it"
        with pytest.raises(LiveKitError):
            await _ask(s)
        assert s.keeping.memories["lobby"].attempts.n == 0
        s.livekit.failing.clear()
        assert await _ask(s) is not None
        assert s.records.kinds() == ["failed", "dispatch"]
