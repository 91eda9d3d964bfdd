"""The face of room keeping: what is told, and what operators may do."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rooms.errors import LiveKitError, NoRoomError, NotKeepingError
from rooms.keeper import Keeper
from rooms.limits import Intervals
from rooms.picture import Health
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.stage import ROOM, START, MemoryRecords, stage

pytestmark = pytest.mark.looptime


def off() -> Keeper:
    return Keeper(
        None,
        records=MemoryRecords(),
        clock=lambda: 0.0,
        date_of=lambda moment: START + timedelta(seconds=moment),
        off="ROOM_KEEPING is off",
    )


# -- where no rooms are kept


async def test_where_no_rooms_are_kept_it_says_why() -> None:
    keeper = off()
    state = keeper.state()
    assert (state.is_on, state.is_leading, state.is_reachable) == (False, False, False)
    assert state.trouble == "ROOM_KEEPING is off"
    assert keeper.rooms() == ()
    assert keeper.room(ROOM) is None
    assert set(keeper.stats().phases) == {"empty", "starting", "active", "grace_period", "closing"}
    keeper.wake(None)
    keeper.wake(ROOM)
    for refused in (
        keeper.close(ROOM, by="ann", reason="x", force=False),
        keeper.collect_garbage(dry_run=True, by="ann", reason="x"),
        keeper.create_room(ROOM, agent_id=None),
    ):
        with pytest.raises(NotKeepingError, match="ROOM_KEEPING is off"):
            await refused
    with pytest.raises(NotKeepingError, match="ROOM_KEEPING is off"):
        keeper.why(ROOM)


def test_webhooks_are_counted() -> None:
    keeper = off()
    keeper.webhook_seen(forged=True)
    assert (keeper.state().forged_webhooks, keeper.state().webhook_seen_at) == (1, None)
    keeper.webhook_seen(forged=False)
    assert (keeper.state().forged_webhooks, keeper.state().webhook_seen_at) == (1, START)


# -- looking


async def test_rooms_of_ours_are_listed_by_name() -> None:
    async with stage() as s:
        for room in ("agent-b-room", "agent-a-room", "lobby", "hall"):
            s.livekit.join(room, "ann")
        s.agent(room="hall")
        s.keeping.wake(None)
        await asyncio.sleep(1)
        assert [view.name for view in s.keeper.rooms()] == ["agent-a-room", "agent-b-room", "hall"]
        hall = s.keeper.room("hall")
        assert hall is not None
        assert hall.agent_id == "1", "its agent says so"


async def test_a_room_is_shown() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.falls(Health.SUSPECT)
        await asyncio.sleep(0.1)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert [(human.identity, human.role) for human in view.humans] == [("ann", "client")]
        (agent,) = view.agents
        assert (agent.identity, agent.incarnation, agent.health, agent.row_id) == (
            "ai-1-a",
            "a",
            "suspect",
            "1",
        )
        assert (view.phase, view.trouble, view.closed, view.grace_ends_at) == ("active", None, None, None)
        assert view.last_decision is not None


async def test_a_grace_period_is_shown_with_its_end_only_while_nobody_is_there() -> None:
    async with stage() as s:
        await s.in_a_call()
        ends_at = asyncio.get_running_loop().time() + 60
        s.livekit.leave(ROOM, "ann")
        s.falls(Health.ALIVE, phase="grace_period", grace_ends_at=ends_at)
        await asyncio.sleep(0.1)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.phase == "grace_period"
        assert view.grace_ends_at == START + timedelta(seconds=ends_at)
        s.livekit.join(ROOM, "ann")
        s.keeping.wake(ROOM)
        await asyncio.sleep(0.1)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert (view.phase, view.grace_ends_at) == ("active", None)


async def test_why_also_of_rooms_that_are_not_there() -> None:
    async with stage() as s:
        view = s.keeper.why("agent-nowhere-room")
        assert view.answer == "LiveKit has no such room, so nobody is in it."
        assert "agent-nowhere-room" not in s.keeping.memories
        assert s.keeper.room("agent-nowhere-room") is None
        assert s.keeper.why("\x00/%") is not None


async def test_without_livekit_it_says_so() -> None:
    livekit = FakeLiveKit()
    livekit.trouble = "LiveKit at x is out of reach"
    async with stage(livekit) as s:
        state = s.keeper.state()
        assert (state.is_on, state.is_reachable, state.trouble) == (
            True,
            False,
            "LiveKit at x is out of reach",
        )
        assert "held back: LiveKit at x is out of reach" in s.keeper.why(ROOM).next_step


async def test_who_does_not_lead_says_so_and_refuses() -> None:
    async with stage(leads=False) as s:
        s.livekit.join(ROOM, "ann")
        assert "another registry" in (s.keeper.state().trouble or "")
        assert (s.keeper.state().is_leading, s.keeper.state().is_led) == (False, True)
        with pytest.raises(NotKeepingError, match="another registry"):
            await s.keeper.close(ROOM, by="ann", reason="x", force=True)
        with pytest.raises(NotKeepingError, match="another registry"):
            await s.keeper.collect_garbage(dry_run=False, by="ann", reason="x")
        await s.keeper.collect_garbage(dry_run=True, by="ann", reason="x")
        assert s.livekit.done() == []


async def test_rooms_are_counted_by_phase() -> None:
    async with stage() as s:
        await s.in_a_call()
        counts = s.keeper.stats()
        assert counts.phases == {"empty": 0, "starting": 0, "active": 1, "grace_period": 0, "closing": 0}
        assert counts.oldest_agent == pytest.approx(1.0, abs=0.1)


# -- closing


async def test_closing_asks_the_agent_to_leave_and_leaves_the_human() -> None:
    async with stage() as s:
        await s.in_a_call()
        report = await s.keeper.close(ROOM, by="ann", reason="a test", force=False)
        assert (report.asked, report.removed, report.humans_left_there) == (("ai-1-a",), (), 1)
        await asyncio.sleep(30)
        assert s.livekit.done() == [("ask_to_leave", "ai-1-a")]
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.closed is not None
        assert (view.closed.by, view.closed.reason) == ("ann", "a test")
        assert (view.agents, view.phase, view.trouble) == ((), "active", None)
        assert "closed" in s.records.kinds()
        assert list(s.records.closed) == [s.livekit.made[ROOM].sid]


async def test_a_room_is_closed_when_nobody_acts_on_it_any_more() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.held = asyncio.Event()
        s.keeping.wake(ROOM)
        await asyncio.sleep(0.1)
        memory = s.keeping.memories[ROOM]
        assert memory.lease.locked()
        closing = asyncio.create_task(s.keeper.close(ROOM, by="ann", reason="a test", force=True))
        await asyncio.sleep(1)
        assert (s.livekit.done(), memory.closure) == ([], None)
        s.livekit.held.set()
        report = await closing
        assert (report.removed, s.livekit.done()) == (("ai-1-a",), [("remove", "ai-1-a")])
        assert not memory.lease.locked()


async def test_nobody_acts_on_a_room_while_it_is_closed() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.held = asyncio.Event()
        closing = asyncio.create_task(s.keeper.close(ROOM, by="ann", reason="a test", force=False))
        await asyncio.sleep(0.1)
        n_lists = s.livekit.requests["participants"]
        s.falls(Health.GONE)
        await asyncio.sleep(1)
        assert s.livekit.requests["participants"] == n_lists
        s.livekit.held.set()
        await closing
        await asyncio.sleep(10)
        assert s.livekit.done("dispatch") == []


async def test_closing_with_force_removes_the_agent_at_once() -> None:
    async with stage() as s:
        await s.in_a_call()
        report = await s.keeper.close(ROOM, by="ann", reason="a test", force=True)
        assert (report.asked, report.removed) == ((), ("ai-1-a",))
        assert s.livekit.made[ROOM].agents == []
        await asyncio.sleep(30)
        assert s.livekit.done() == [("remove", "ai-1-a")]


async def test_closing_with_force_does_not_touch_agents_of_other_programs() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.agent(ROOM, None)
        report = await s.keeper.close(ROOM, by="ann", reason="a test", force=True)
        assert report.removed == ("ai-1-a",)
        await asyncio.sleep(30)
        assert s.livekit.made[ROOM].agents == ["someone-elses"]


async def test_a_closure_is_written_down_before_it_is_carried_out() -> None:
    async with stage() as s:
        await s.in_a_call()
        sid = s.livekit.made[ROOM].sid
        s.livekit.failing["remove"] = "LiveKit did not do it"
        with pytest.raises(LiveKitError):
            await s.keeper.close(ROOM, by="ann", reason="a test", force=True)
        assert list(s.records.closed) == list(s.keeping.closures) == [sid]


async def test_a_room_that_was_made_anew_a_moment_ago_is_the_one_that_is_closed() -> None:
    async with stage(intervals=Intervals(rooms=10_000)) as s:
        await s.in_a_call()
        s.livekit.end(ROOM)
        s.livekit.join(ROOM, "bob")
        await s.keeper.close(ROOM, by="ann", reason="a test", force=False)
        assert list(s.records.closed) == [s.livekit.made[ROOM].sid]


async def test_an_agent_that_does_not_obey_a_closure_is_removed() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        s.agent(answers=False)
        await asyncio.sleep(6)
        await s.keeper.close(ROOM, by="ann", reason="a test", force=False)
        await asyncio.sleep(20)
        assert [name for name, _ in s.livekit.done()][-1] == "remove"
        assert s.livekit.made[ROOM].agents == []


async def test_closing_twice_is_closing() -> None:
    async with stage() as s:
        await s.in_a_call()
        await s.keeper.close(ROOM, by="ann", reason="a test", force=False)
        await s.keeper.close(ROOM, by="bob", reason="again", force=False)
        view = s.keeper.room(ROOM)
        assert view is not None
        assert view.closed is not None
        assert view.closed.by == "bob"


async def test_a_room_that_was_made_a_moment_ago_can_be_closed() -> None:
    async with stage() as s:
        s.livekit.join(ROOM, "ann")
        report = await s.keeper.close(ROOM, by="ann", reason="a test", force=False)
        assert report.humans_left_there == 1
        await asyncio.sleep(20)
        assert s.livekit.done() == []


@pytest.mark.parametrize("name", ["agent-nowhere-room", "", "x" * 300])
async def test_a_room_that_is_not_there_cannot_be_closed(name: str) -> None:
    async with stage() as s:
        with pytest.raises(NoRoomError, match="LiveKit has no room"):
            await s.keeper.close(name, by="ann", reason="x", force=False)
        assert s.records.events == []


async def test_closing_without_livekit_is_an_error() -> None:
    async with stage() as s:
        await s.in_a_call()
        s.livekit.trouble = "LiveKit is out of reach"
        with pytest.raises(LiveKitError, match="out of reach"):
            await s.keeper.close(ROOM, by="ann", reason="x", force=False)
        assert s.keeping.closures == {}
