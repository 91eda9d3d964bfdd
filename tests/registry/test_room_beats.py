"""What beats say of rooms and of the sessions in them, in the room keeper's words."""

from __future__ import annotations

import asyncio

import pytest

from rooms.picture import Health
from tests.registry.beats import a_beat
from tests.registry.room_fleet import ROOM, Line, play
from wire import CallFacts, Said

pytestmark = pytest.mark.looptime


# -- rows and rooms


async def test_a_successor_takes_the_row_and_the_old_one_is_unknown() -> None:
    async with play() as p:
        p.session("old")
        await asyncio.sleep(5)
        p.session("new")
        assert [(one.incarnation, one.health) for one in p.beats.sessions_in(ROOM)] == [
            ("old", Health.UNKNOWN),
            ("new", Health.ALIVE),
        ]
        assert "taken its row over" in p.seen("old").cause


async def test_a_successor_does_not_bring_the_dead_to_life() -> None:
    async with play() as p:
        p.session("old")
        p.fleet.tell_gone(p.fleet.get("1"), cause="its process 7 is gone", by="registry")
        p.session("new")
        assert (p.health("old"), p.health("new")) == (Health.GONE, Health.ALIVE)


async def test_an_agent_that_moves_to_another_room_is_not_in_the_first_one_any_more() -> None:
    async with play() as p:
        p.session("one", room="agent-1-room")
        p.session("two", room="agent-2-room")
        assert p.health("one", "agent-1-room") is Health.UNKNOWN
        assert p.health("two", "agent-2-room") is Health.ALIVE


async def test_a_row_that_leaves_the_page_says_nothing_any_more() -> None:
    async with play() as p:
        agent = p.session()
        p.fleet.remove(agent, by="ann", reason="tests", even_alive=True)
        assert p.health() is Health.UNKNOWN
        assert p.rooms[-1] == ROOM


async def test_only_the_latest_sessions_of_a_room_are_remembered() -> None:
    async with play() as p:
        for number in range(20):
            p.session(f"i{number}")
        told = [one.incarnation for one in p.beats.sessions_in(ROOM)]
        assert told == [f"i{number}" for number in range(12, 20)]


async def test_programs_and_beats_with_nothing_new_are_not_told() -> None:
    async with play() as p:
        p.fleet.take(a_beat("p", call=CallFacts(room=ROOM, phase="active")), source="here")
        assert p.rooms == []
        p.session()
        p.rooms.clear()
        for _ in range(5):
            await asyncio.sleep(5)
            p.session(cpu=3.0)
        assert p.rooms == []


# -- phases and grace periods


async def test_how_long_phases_last() -> None:
    async with play() as p:
        p.session(phase="starting", call={"since": 2.0})
        await asyncio.sleep(3)
        p.session(phase="active")
        await asyncio.sleep(10)
        p.session(phase="grace_period", call={"grace_left": 60.0})
        await asyncio.sleep(60)
        p.session(phase="closing", call={"closing": "humans_left"})
        assert [(old, new, round(length, 3)) for old, new, length in p.phases] == [
            ("starting", "active", 5.0),
            ("active", "grace_period", 10.0),
            ("grace_period", "closing", 60.0),
        ]


async def test_the_end_of_a_grace_period_does_not_waver() -> None:
    async with play() as p:
        p.session(phase="grace_period", call={"grace_left": 60.0})
        ends_at = p.seen().grace_ends_at
        assert ends_at == p.now + 60
        await asyncio.sleep(10)
        p.session(phase="grace_period", call={"grace_left": 50.4})
        await asyncio.sleep(10)
        p.session(phase="grace_period", call={"grace_left": 39.2})
        assert p.seen().grace_ends_at == ends_at


async def test_another_grace_period_has_another_end_though_no_beat_came_between() -> None:
    async with play() as p:
        p.session(phase="grace_period", call={"grace_left": 60.0})
        await asyncio.sleep(20)
        p.session(phase="grace_period", call={"grace_left": 60.0}, reason="a human was there for a moment")
        assert p.seen().grace_ends_at == p.now + 60


async def test_out_of_the_grace_period_it_has_no_end() -> None:
    async with play() as p:
        p.session(phase="grace_period", call={"grace_left": 60.0})
        p.session(phase="active")
        assert p.seen().grace_ends_at is None


async def test_what_a_call_says_of_livekit_and_of_leaving_is_told() -> None:
    async with play() as p:
        p.session(call={"is_connected": False})
        assert not p.seen().is_connected
        p.session(phase="closing", call={"closing": "operator"})
        assert p.seen().closing == "operator"


# -- ends that nobody else tells of


@pytest.mark.parametrize("after", [0.1, 1.1, 1.6], ids=["at once", "before it is offline", "after that"])
async def test_a_session_whose_row_is_taken_over_while_it_is_in_doubt_is_lost_once(after: float) -> None:
    async with play() as p:
        line = Line()
        p.session("old", line=line)
        p.fleet.line_closed("1", line, "connection reset")
        await asyncio.sleep(after)
        p.session("new")
        assert (p.lost, p.health("old")) == (["old"], Health.UNKNOWN)
        await asyncio.sleep(60)
        assert p.lost.count("old") == 1


async def test_a_session_that_lives_is_not_lost_with_its_row() -> None:
    async with play() as p:
        p.session("old")
        p.session("new")
        assert p.lost == []
        p.session("old", row="1~0ld0")  # it goes on under another name
        assert (p.health("old"), p.lost) == (Health.ALIVE, [])


async def test_a_goodbye_is_told_once_with_its_reason() -> None:
    async with play() as p:
        told: list[tuple[str, str]] = []
        p.beats.on_stopped = lambda incarnation, reason: told.append((incarnation, reason))
        p.session()
        assert told == []
        for _ in range(2):
            p.session(status=Said.STOPPED, reason="humans_left")
        assert told == [("one", "humans_left")]
        p.session(
            "two", status=Said.STOPPED, reason="x" * 50
        )  # one so short that its goodbye is its first beat
        p.session("three", status=Said.STOPPED)
        assert told[1:] == [("two", "x" * 40), ("three", "stopped")]
        p.fleet.remove(p.fleet.get("1"), by="ann", reason="tests", even_alive=True)
        assert (len(told), p.lost) == (3, [])
