"""What the keeper remembers of a room between two looks at it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rooms.livekit import ListedRoom, Participant
from rooms.memory import Memory
from rooms.picture import Answer, Asked, Attempts
from wire import AGENT_ID, INCARNATION, LEAVING, AgentId


def a_memory() -> Memory:
    return Memory(name="agent-1-room", agent_id=AgentId("1"))


def listed(sid: str = "RM_1", n: int = 0) -> ListedRoom:
    return ListedRoom(name="agent-1-room", sid=sid, created_at=1.0, departure_timeout=20.0, n_participants=n)


def who(identity: str, **fields: Any) -> Participant:
    given: dict[str, Any] = {
        "is_agent": False,
        "human_role": None,
        "attributes": {},
        "joined_at": 1.0,
        "is_active": True,
    }
    return Participant(identity=identity, **(given | fields))


ANN = who("ann", human_role="client")
AGENT = who("ai-1", is_agent=True, attributes={INCARNATION: "one", AGENT_ID: "1"})
HOLD = who("ai-hold-1")


def test_it_sees_who_is_who() -> None:
    memory = a_memory()
    memory.list_as(listed(), now=0)
    foreign = who("x", is_agent=True)
    leaving = who("ai-2", is_agent=True, attributes={INCARNATION: "two", LEAVING: "operator"})
    memory.see([ANN, AGENT, HOLD, foreign, leaving], now=1)
    room = memory.room
    assert room is not None
    assert [human.identity for human in room.humans] == ["ann"]
    assert [(agent.incarnation, agent.leaving, agent.is_ours) for agent in room.agents] == [
        ("one", None, True),
        (None, None, False),
        ("two", "operator", True),
    ]
    assert room.others == ("ai-hold-1",)


def test_times_begin_when_something_was_first_so() -> None:
    memory = a_memory()
    memory.list_as(listed(), now=0)

    def seen(*there: Participant, now: float) -> tuple[float | None, float | None, float | None]:
        memory.see(there, now=now)
        assert memory.room is not None
        return memory.room.human_since, memory.room.empty_since, memory.room.agentless_since

    assert seen(now=1) == (None, 1, 1)
    assert seen(now=2) == (None, 1, 1)
    assert seen(ANN, now=3) == (3, None, 1)
    assert seen(ANN, AGENT, now=4) == (3, None, None)
    assert seen(who("bob", human_role="coach"), AGENT, now=5) == (3, None, None), "one human after another"
    assert seen(AGENT, now=6) == (None, 6, None)
    assert seen(now=7) == (None, 6, 7)
    assert seen(AGENT, now=8) == (None, 6, None)
    assert memory.had_human


def test_an_agent_is_first_seen_once_and_anew_when_it_comes_back() -> None:
    memory = a_memory()
    memory.list_as(listed(), now=0)
    firsts = []
    for now, there in ((1, [AGENT]), (2, [AGENT]), (3, []), (4, [AGENT])):
        memory.see(there, now=now)
        assert memory.room is not None
        firsts.append([agent.first_seen_at for agent in memory.room.agents])
    assert firsts == [[1], [1], [], [4]]


def test_changes_are_events_without_humans_names() -> None:
    memory = a_memory()
    memory.list_as(listed(), now=0)
    bob = who("bob", human_role="client")
    steps = [[ANN], [ANN, bob], [ANN, bob, AGENT], [ANN, AGENT], [AGENT], [], []]
    events = [event for number, there in enumerate(steps) for event in memory.see(there, now=number)]
    assert [(event.at, event.kind) for event in events] == [
        (0, "human_came"),
        (2, "agent_came"),
        (4, "humans_left"),
        (5, "agent_left"),
    ]
    assert not any("ann" in event.text or "bob" in event.text for event in events)
    assert {event.sid for event in events} == {"RM_1"}


@pytest.mark.parametrize("after", [None, "RM_2"], ids=["the room ended", "a new room of the same name"])
def test_what_was_known_of_a_room_ends_with_it(after: str | None) -> None:
    memory = a_memory()
    memory.list_as(listed(), now=0)
    memory.see([ANN, AGENT], now=1)
    memory.attempts = Attempts(n=3, last_at=1.0)
    memory.dispatch_id = "AD_1"
    memory.lost_at = 1.0
    memory.losses.append(1.0)
    memory.vanished = "zero"
    memory.asked["one"] = Asked(answer=Answer.SILENT, at=1.0)
    memory.told_to_leave["ai-1"] = 1.0
    memory.is_stale = False
    memory.list_as(None if after is None else listed(after), now=2)
    assert memory.room is None
    assert memory.is_stale
    assert not memory.had_human
    assert memory.attempts == Attempts()
    assert memory.dispatch_id is None
    assert memory.lost_at is None
    assert not memory.losses
    assert memory.vanished is None
    assert not memory.asked
    assert not memory.told_to_leave
    assert memory.sid == (after or "")


def test_the_same_room_is_stale_only_when_somebody_came_or_left() -> None:
    memory = a_memory()
    memory.list_as(listed(n=1), now=0)
    memory.is_stale = False
    memory.list_as(listed(n=1), now=1)
    assert not memory.is_stale
    memory.list_as(listed(n=2), now=2)
    assert memory.is_stale


def test_who_was_told_to_leave_is_forgotten_with_his_leaving() -> None:
    memory = a_memory()
    memory.list_as(listed(), now=0)
    memory.see([AGENT], now=1)
    memory.told_to_leave["ai-1"] = 1.0
    memory.see([AGENT], now=2)
    assert memory.told_to_leave == {"ai-1": 1.0}
    memory.see([], now=3)
    assert memory.told_to_leave == {}


LEAVING_AGENT = who("ai-1", is_agent=True, attributes={INCARNATION: "one", LEAVING: "humans_left"})
FOREIGN = who("x", is_agent=True)


@pytest.mark.parametrize(
    ("last_seen", "vanished"),
    [
        pytest.param(AGENT, ("one", 2), id="without a word"),
        pytest.param(LEAVING_AGENT, (None, -math.inf), id="it had said so"),
        pytest.param(FOREIGN, (None, -math.inf), id="not ours"),
        pytest.param(ANN, (None, -math.inf), id="a human"),
    ],
)
def test_an_agent_of_ours_that_leaves_without_saying_so_has_vanished(
    last_seen: Participant, vanished: tuple[str | None, float]
) -> None:
    memory = a_memory()
    memory.list_as(listed(), now=0)
    memory.see([last_seen], now=1)
    memory.see([], now=2)
    memory.see([], now=3)
    assert (memory.vanished, memory.vanished_at) == vanished
