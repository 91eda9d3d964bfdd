"""What nobody needs is found twice before it goes, and a human always wins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rooms.garbage import ALONE, APART, SLACK, Garbage, Sightings, find
from rooms.limits import Intervals, KeepLimits
from rooms.livekit import ListedRoom
from rooms.memory import Memory
from rooms.picture import Answer, Health, RoomSeen, SessionSeen
from tests.rooms.fake_livekit import FakeLiveKit
from tests.rooms.pictures import NAME, NOW, a_foreign_agent, a_picture, a_room, a_session, an_agent, asked
from tests.rooms.stage import LOCK_TROUBLE, ROOM, Stage, stage
from wire import AgentId


def found(
    room: RoomSeen,
    *sessions: SessionSeen,
    had_human: bool = True,
    empty_timeout: float = 300.0,
    **fields: Any,
) -> list[tuple[str, str | None]]:
    listed = ListedRoom(
        name=NAME,
        sid="RM_1",
        created_at=1.0,
        departure_timeout=20.0,
        n_participants=0,
        empty_timeout=empty_timeout,
    )
    memory = Memory(name=NAME, agent_id=AgentId("1"), had_human=had_human, listed=listed)
    picture = a_picture(room, *sessions, **fields)
    return [(one.what, one.identity) for one in find(memory, picture, now=NOW, limits=KeepLimits())]


A_ROOM = [("room", None)]
LATE = 20 + SLACK
NEVER_USED = 300 + SLACK


@pytest.mark.parametrize(
    ("room", "had_human", "fields", "expected"),
    [
        pytest.param(
            a_room(humans=0, since=LATE - 0.1), True, {}, [], id="left, just before LiveKit is late"
        ),
        pytest.param(a_room(humans=0, since=LATE), True, {}, A_ROOM, id="left, and LiveKit is late"),
        pytest.param(a_room(humans=0, since=NEVER_USED - 0.1), False, {}, [], id="never used, just before"),
        pytest.param(a_room(humans=0, since=NEVER_USED), False, {}, A_ROOM, id="never used"),
        pytest.param(a_room(humans=1, since=9_999), True, {}, [], id="a human is there"),
        pytest.param(a_room(humans=0, since=9_999), True, {"agent_id": None}, [], id="not ours"),
        pytest.param(
            a_room(humans=0, since=9_999), True, {"joining_since": NOW}, [], id="an agent is coming"
        ),
        pytest.param(
            a_room(humans=0, since=1, others=("ai-hold-1", "recorder")),
            True,
            {},
            [("hold", "ai-hold-1")],
            id="a hold without an agent",
        ),
        pytest.param(
            a_room(humans=0, since=LATE, others=("ai-hold-1",)),
            True,
            {},
            [("hold", "ai-hold-1"), ("room", None)],
            id="left, but for a hold of ours",
        ),
        pytest.param(a_room(humans=0, since=9_999, others=("EG_1",)), True, {}, [], id="a recorder is there"),
        pytest.param(
            a_room(humans=0, since=9_999, others=("ai-hold-1", "obs")),
            False,
            {},
            [("hold", "ai-hold-1")],
            id="a stream is there, and a hold",
        ),
        pytest.param(a_room(an_agent(), humans=0, since=9, others=("ai-hold-1",)), True, {}, [], id="a hold"),
        pytest.param(a_room(a_foreign_agent(), humans=0, since=9_999), True, {}, [], id="not our agent"),
    ],
)
def test_rooms_and_holds(
    room: RoomSeen, had_human: bool, fields: dict[str, Any], expected: list[tuple[str, str | None]]
) -> None:
    assert found(room, had_human=had_human, **fields) == expected


@pytest.mark.parametrize(
    ("empty_timeout", "since", "expected"),
    [
        pytest.param(3_600, 3_600 + SLACK - 0.1, [], id="long, just before"),
        pytest.param(3_600, 3_600 + SLACK, A_ROOM, id="long"),
        pytest.param(10, 10 + SLACK, A_ROOM, id="short"),
    ],
)
def test_a_room_that_was_never_used_stays_as_long_as_its_maker_wants(
    empty_timeout: float, since: float, expected: list[tuple[str, str | None]]
) -> None:
    room = a_room(humans=0, since=since)
    assert found(room, had_human=False, empty_timeout=empty_timeout) == expected


ANSWERS = {"asked": asked(Answer.ANSWERED)}


@pytest.mark.parametrize(
    ("since", "sessions", "fields", "is_garbage"),
    [
        pytest.param(ALONE - 0.1, (a_session(),), {}, False, id="alone, just before it counts as forgotten"),
        pytest.param(ALONE, (a_session(),), {}, True, id="alone for long, though it beats"),
        pytest.param(ALONE, (), ANSWERS, True, id="alone for long, and only answers"),
        pytest.param(ALONE, (a_session(grace_ends_at=NOW),), {}, False, id="its grace period is known"),
        pytest.param(ALONE, (a_session(health=Health.GONE),), {}, False, id="dead: that is for the keeper"),
        pytest.param(ALONE, (a_session(closing="x"),), {}, False, id="leaving"),
    ],
)
def test_agents(
    since: float, sessions: tuple[SessionSeen, ...], fields: dict[str, Any], is_garbage: bool
) -> None:
    room = a_room(an_agent(), humans=0, since=since)
    assert found(room, *sessions, **fields) == ([("agent", "ai-a")] if is_garbage else [])


def one(sid: str = "RM_1") -> Garbage:
    return Garbage(what="room", room=NAME, sid=sid, identity=None, why="x")


@pytest.mark.parametrize(
    ("later", "is_confirmed"), [(APART - 0.1, False), (APART, True)], ids=["just before", "at"]
)
def test_it_must_be_found_twice_with_time_between(later: float, is_confirmed: bool) -> None:
    sightings = Sightings()
    assert sightings.confirmed([one()], now=0) == []
    assert sightings.confirmed([one()], now=later) == ([one()] if is_confirmed else [])


def test_what_was_not_garbage_in_between_begins_anew() -> None:
    sightings = Sightings()
    sightings.confirmed([one()], now=0)
    sightings.confirmed([], now=10)
    assert sightings.confirmed([one()], now=APART) == []


def test_another_room_of_the_same_name_is_another_one() -> None:
    sightings = Sightings()
    sightings.confirmed([one("RM_1")], now=0)
    assert sightings.confirmed([one("RM_2")], now=APART) == []


# -- collected, in virtual time

virtual = pytest.mark.looptime


async def _an_old_room(s: Stage) -> None:
    s.livekit.room(ROOM)
    s.keeping.wake(None)
    await asyncio.sleep(NEVER_USED + 6)


async def _collect(s: Stage, **fields: Any) -> bool:
    report = await s.keeper.collect_garbage(dry_run=False, by="ann", reason="a test", **fields)
    return any(one.done for one in report.found)


@virtual
async def test_an_old_room_goes_by_itself() -> None:
    async with stage() as s:
        collecting = asyncio.create_task(s.keeper.run_garbage())
        await _an_old_room(s)
        await asyncio.sleep(70)
        assert s.livekit.done() == [("delete", "")]
        assert "garbage" in s.records.kinds()
        assert s.keeper.rooms() == ()
        collecting.cancel()


@virtual
async def test_an_operator_has_to_look_twice_as_well() -> None:
    async with stage() as s:
        await _an_old_room(s)
        assert not await _collect(s)
        await asyncio.sleep(APART - 1)
        assert not await _collect(s)
        await asyncio.sleep(1)
        assert await _collect(s)
        assert s.livekit.done() == [("delete", "")]


@virtual
async def test_to_look_without_taking_away_is_no_observation() -> None:
    async with stage() as s:
        await _an_old_room(s)
        report = await s.keeper.collect_garbage(dry_run=True, by="ann", reason="a test")
        assert [(view.what, view.done) for view in report.found] == [("room", False)]
        await asyncio.sleep(APART)
        assert not await _collect(s)


def _human(s: Stage) -> None:
    s.livekit.join(ROOM, "ann")


def _agent(s: Stage) -> None:
    s.livekit.agent(ROOM, "a")


def _again(s: Stage) -> None:
    s.livekit.end(ROOM)
    s.livekit.room(ROOM)
    s.keeping.wake(None)


def _away(s: Stage) -> None:
    s.livekit.failing["rooms"] = "LiveKit is out of reach"


def _down(s: Stage) -> None:
    s.livekit.failing["delete"] = "LiveKit did not do it"


def _unsure(s: Stage) -> None:
    s.lock.error = LOCK_TROUBLE


@virtual
@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(_human, id="a human comes"),
        pytest.param(_agent, id="an agent comes"),
        pytest.param(_down, id="LiveKit refuses"),
        pytest.param(_away, id="the rooms cannot be listed"),
        pytest.param(_unsure, id="nobody knows who leads"),
    ],
)
async def test_what_happens_in_the_last_moment_counts(meanwhile: Callable[[Stage], None]) -> None:
    """Complaint 36."""
    async with stage() as s:
        await _an_old_room(s)
        await _collect(s)
        await asyncio.sleep(APART)
        meanwhile(s)
        assert not await _collect(s)
        assert s.livekit.done() == []
        assert ROOM in s.livekit.made


@virtual
async def test_a_room_that_was_made_again_is_not_the_old_one() -> None:
    async with stage() as s:
        await _an_old_room(s)
        await _collect(s)
        await asyncio.sleep(APART)
        _again(s)
        await asyncio.sleep(0.1)
        assert not await _collect(s)
        assert s.livekit.done() == []


@virtual
async def test_a_room_that_was_made_again_unheard_is_not_the_old_one() -> None:
    """No webhook, and no list since: the rooms are listed right before the act."""
    async with stage(intervals=Intervals(rooms=10_000)) as s:
        await _an_old_room(s)
        await _collect(s)
        await asyncio.sleep(APART)
        old = s.keeping.memories[ROOM].sid
        s.livekit.end(ROOM)
        s.livekit.room(ROOM)
        assert s.keeping.memories[ROOM].sid == old
        assert not await _collect(s)
        assert s.livekit.done() == []
        assert s.keeping.memories[ROOM].sid == s.livekit.made[ROOM].sid != old


@virtual
async def test_one_failure_does_not_end_the_loop_and_who_does_not_lead_collects_nothing() -> None:
    livekit = FakeLiveKit()
    async with stage(livekit) as s:
        collecting = asyncio.create_task(s.keeper.run_garbage())
        livekit.failing["delete"] = "no"
        await _an_old_room(s)
        await asyncio.sleep(70)
        assert livekit.done() == []
        livekit.failing.clear()
        s.lock.is_free = False
        await asyncio.sleep(70)
        assert livekit.done() == []
        collecting.cancel()
