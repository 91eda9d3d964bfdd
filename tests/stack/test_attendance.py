from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from livekit.protocol.models import ParticipantInfo

from stack.address import Address
from stack.attendance import (
    Attendance,
    Look,
    first_agent,
    human_since,
    last_seen,
    longest_double,
    most_agents,
    settled_at,
)
from stack.errors import LateError
from stack.rooms import AGENT, Rooms

ROOM = "agent-1-room"


def look(at: float, *agents: str, is_known: bool = True) -> Look:
    return Look(at=at, agents=agents, is_known=is_known)


DOUBLE = [look(0), look(1, "a"), look(5, "a", "b"), look(7, "a", "b", "c"), look(8, "c"), look(9, "c", "d")]


@pytest.mark.parametrize(
    ("since", "end", "dead", "most"),
    [
        (0, 10, set(), 3),
        (0, 10, {"a"}, 2),
        (0, 10, {"a", "b"}, 2),
        (0, 10, {"a", "b", "d"}, 1),
        (0, 5, set(), 1),
        (8, 9, set(), 1),
        (6, 7, set(), 2),
        (7.5, 7.6, set(), 3),
    ],
)
def test_most_agents_at_once(since: float, end: float, dead: set[str], most: int) -> None:
    assert most_agents(DOUBLE, since=since, end=end, dead=dead) == most


def test_of_no_looks_the_most_is_nobody() -> None:
    assert most_agents([], since=0, end=10) == 0


@pytest.mark.parametrize(
    ("since", "end", "dead", "longest"),
    [
        (0, 9, set(), 3),
        (0, 10, set(), 3),
        (0, 20, set(), 11),
        (6, 9, set(), 2),
        (0, 6, set(), 1),
        (0, 9, {"a"}, 1),
        (0, 9, {"a", "b"}, 0),
    ],
)
def test_the_longest_time_with_two(since: float, end: float, dead: set[str], longest: float) -> None:
    assert longest_double(DOUBLE, since=since, end=end, dead=dead) == longest


def test_when_livekit_does_not_answer_nobody_is_counted() -> None:
    looks = [look(0, "a", "b"), look(2, is_known=False), look(3, "a", "b")]
    assert longest_double(looks, since=0, end=4) == 2


def test_the_first_agent_after_a_moment_that_is_not_the_old_one() -> None:
    looks = [look(0, "old"), look(3), look(4, "new")]
    assert first_agent(looks, after=1, not_one_of={"old"}) == 4
    assert first_agent(looks, after=0) == 0
    assert first_agent(looks, after=4) == 4
    assert first_agent(looks, after=5) is None


def test_until_when_an_agent_was_on_the_list() -> None:
    looks = [look(0, "a"), look(3), look(4, "b")]
    assert last_seen(looks, "a", end=9) == 3
    assert last_seen(looks, "b", end=9) == 9
    assert last_seen(looks, "c", end=9) is None


@pytest.mark.parametrize(
    ("looks", "dead", "since"),
    [
        ([], set(), None),
        ([look(1, "a")], set(), 1),
        ([look(1, "a"), look(2, "b")], set(), 1),
        ([look(1, "a"), look(2, "a", "b"), look(3, "b")], set(), 3),
        ([look(1, "a"), look(2, "a", "b"), look(3, "b")], {"a"}, 2),
        ([look(1, "a"), look(2)], set(), None),
        ([look(1, "a"), look(2, is_known=False), look(3, "a")], set(), 3),
        ([look(1, "a", "b")], set(), None),
    ],
    ids=["never", "one", "handed over", "two for a while", "a ghost and one", "gone", "outage", "two"],
)
def test_since_when_there_is_exactly_one(looks: list[Look], dead: set[str], since: float | None) -> None:
    assert settled_at(looks, dead=dead) == since


def test_when_a_human_came_back() -> None:
    looks = [Look(at=1, humans=("ann",)), Look(at=2), Look(at=3, humans=("ann",))]
    assert human_since(looks, after=0) == 1
    assert human_since(looks, after=1.5) == 3
    assert human_since(looks, after=4) is None


class FakeRooms(Rooms):
    """Answers what it is told."""

    def __init__(self) -> None:
        super().__init__(Address(url="ws://127.0.0.1:1", api_key="key", api_secret="secret"))
        self.there: list[ParticipantInfo] | None = []
        self.asked: list[str] = []

    async def participants(self, room: str) -> list[ParticipantInfo]:
        self.asked.append(room)
        if self.there is None:
            raise TimeoutError
        return self.there


def agent(identity: str, *, is_active: bool = True) -> ParticipantInfo:
    state = ParticipantInfo.State.ACTIVE if is_active else ParticipantInfo.State.JOINED
    return ParticipantInfo(identity=identity, kind=AGENT, state=state)


@pytest.fixture
def rooms() -> FakeRooms:
    return FakeRooms()


@pytest.fixture
async def attendance(rooms: FakeRooms) -> AsyncIterator[Attendance]:
    async with Attendance(rooms, interval=1) as attendance:
        attendance.watch(ROOM)
        yield attendance


@pytest.mark.looptime
async def test_an_agent_counts_when_it_is_active(
    attendance: Attendance, rooms: FakeRooms, looptime: float
) -> None:
    rooms.there = [agent("a", is_active=False)]
    with pytest.raises(LateError, match="an agent in agent-1-room"):
        await attendance.agent_in(ROOM, timeout=3)
    rooms.there = [agent("a")]
    assert (await attendance.agent_in(ROOM, timeout=3))[0] == "a"


@pytest.mark.looptime
async def test_killed_ones_and_old_ones_are_not_waited_for(attendance: Attendance, rooms: FakeRooms) -> None:
    rooms.there = [agent("killed"), agent("old"), agent("new")]
    attendance.dead.add("killed")
    assert (await attendance.agent_in(ROOM, timeout=3, not_one_of={"old"}))[0] == "new"
    assert attendance.living(ROOM) == ["new", "old"]


@pytest.mark.looptime
async def test_humans_are_told_from_hidden_ones(attendance: Attendance, rooms: FakeRooms) -> None:
    ann = ParticipantInfo(identity="ann", state=ParticipantInfo.State.ACTIVE)
    hold = ParticipantInfo(identity="hold", state=ParticipantInfo.State.ACTIVE)
    hold.permission.hidden = True
    rooms.there = [ann, hold, agent("a")]
    await attendance.agent_in(ROOM, timeout=3)
    assert attendance.latest(ROOM).humans == ("ann",)


@pytest.mark.looptime
async def test_only_changes_are_kept_and_no_answer_is_one(
    attendance: Attendance, rooms: FakeRooms, looptime: float
) -> None:
    rooms.there = [agent("a")]
    await attendance.agent_in(ROOM, timeout=3)
    since = attendance.latest(ROOM).at
    rooms.there = None
    with pytest.raises(LateError):
        await attendance.agent_in(ROOM, timeout=5, not_one_of={"a"})
    rooms.there = [agent("a")]
    await attendance.agent_in(ROOM, timeout=3)
    looks = [one for one in attendance.looks(ROOM) if one.at >= since]
    assert [(one.agents, one.is_known) for one in looks] == [(("a",), True), ((), False), (("a",), True)]


@pytest.mark.looptime
async def test_a_forgotten_room_is_not_asked_for(attendance: Attendance, rooms: FakeRooms) -> None:
    rooms.there = [agent("a")]
    await attendance.agent_in(ROOM, timeout=3)
    attendance.forget(ROOM)
    rooms.asked.clear()
    with pytest.raises(LateError):
        await attendance.agent_in(ROOM, timeout=5)
    assert rooms.asked == []
    assert attendance.looks(ROOM) == []


@pytest.mark.looptime
async def test_it_may_be_closed_twice(rooms: FakeRooms) -> None:
    async with Attendance(rooms) as attendance:
        await attendance.aclose()
    await attendance.aclose()
