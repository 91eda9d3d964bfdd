"""What to do about a room in which no agent is missing or dead: nothing, or ask one, or send one away."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rooms.decide import Act
from rooms.picture import Answer, Health, RoomSeen
from tests.rooms.decisions import CLOSED, act, decided
from tests.rooms.pictures import NOW, a_foreign_agent, a_room, a_session, an_agent, asked

# -- rooms about which nothing is done


@pytest.mark.parametrize(
    ("room", "fields", "why"),
    [
        pytest.param(None, {}, "LiveKit has no such room", id="not there"),
        pytest.param(a_room(), {"agent_id": None}, "no agent of ours belongs", id="not ours"),
        pytest.param(
            a_room(a_foreign_agent()), {"agent_id": None}, "no agent of ours belongs", id="another program's"
        ),
        pytest.param(a_room(a_foreign_agent()), {}, "another program", id="another program's agent is there"),
        pytest.param(a_room(humans=0), {}, "nobody is there", id="empty"),
        pytest.param(a_room(), {"closure": CLOSED}, "closed by ann: a test", id="closed"),
    ],
)
def test_nothing_is_to_be_done(room: RoomSeen | None, fields: dict[str, Any], why: str) -> None:
    decision = decided(room, **fields)
    assert (decision.act, decision.look_at, decision.trouble) == (Act.NOTHING, math.inf, None)
    assert why in decision.why


def test_a_healthy_agent_with_a_human_is_left_alone() -> None:
    decision = decided(a_room(an_agent()), a_session())
    assert (decision.act, decision.look_at) == (Act.NOTHING, math.inf)


# -- agents in doubt


@pytest.mark.parametrize("humans", [0, 1])
def test_agents_in_doubt_are_asked(humans: int) -> None:
    sessions = (a_session("a", Health.SUSPECT), a_session("b"), a_session("c", Health.UNKNOWN))
    room = a_room(an_agent("a"), an_agent("b"), an_agent("c"), humans=humans)
    decision = decided(room, *sessions)
    assert (decision.act, decision.identities) == (Act.ASK, ("ai-a", "ai-c"))


def test_an_agent_that_cannot_be_asked_is_waited_for() -> None:
    decision = decided(a_room(an_agent()), asked=asked(Answer.UNKNOWN))
    assert (decision.act, decision.look_at) == (Act.NOTHING, NOW + 2.5)


def test_an_agent_that_answers_is_asked_again_later() -> None:
    decision = decided(a_room(an_agent()), asked=asked(Answer.ANSWERED))
    assert (decision.act, decision.look_at) == (Act.NOTHING, NOW + 10)


# -- agents that must go


@pytest.mark.parametrize(
    ("seen", "told", "wanted"),
    [
        pytest.param(1.999, None, Act.NOTHING, id="just before it should have left by itself"),
        pytest.param(2.0, None, Act.ASK_TO_LEAVE, id="it did not leave by itself"),
        pytest.param(9.0, 4.999, Act.NOTHING, id="asked, just before it should have obeyed"),
        pytest.param(9.0, 5.0, Act.REMOVE, id="asked, and did not obey"),
    ],
)
def test_of_two_agents_the_younger_goes(seen: float, told: float | None, wanted: Act) -> None:
    room = a_room(an_agent("old", joined_at=1), an_agent("new", joined_at=2, first_seen_at=NOW - seen))
    told_to_leave = {} if told is None else {"ai-new": NOW - told}
    decision = decided(room, a_session("new"), a_session("old"), told_to_leave=told_to_leave)
    assert decision.act is wanted
    if wanted is Act.NOTHING:
        assert decision.look_at > NOW
    else:
        assert decision.identities == ("ai-new",)
    if wanted is Act.ASK_TO_LEAVE:
        assert decision.reason == "duplicate"


def test_of_two_that_joined_together_all_agree_who_goes() -> None:
    sessions = (a_session("x"), a_session("y"))
    for agents in ((an_agent("x"), an_agent("y")), (an_agent("y"), an_agent("x"))):
        assert decided(a_room(*agents), *sessions).identities == ("ai-y",)


def test_an_agent_of_another_program_is_no_duplicate() -> None:
    assert act(a_room(an_agent(), a_foreign_agent(joined_at=9.0)), a_session()) is Act.NOTHING


@pytest.mark.parametrize(
    ("told", "wanted"),
    [(None, Act.ASK_TO_LEAVE), (4.999, Act.NOTHING), (5.0, Act.REMOVE)],
    ids=["not asked yet", "just before it should have obeyed", "did not obey"],
)
@pytest.mark.parametrize("humans", [0, 1])
def test_no_agent_stays_in_a_closed_room(told: float | None, wanted: Act, humans: int) -> None:
    told_to_leave = {} if told is None else {"ai-a": NOW - told}
    decision = decided(
        a_room(an_agent(), humans=humans), a_session(), closure=CLOSED, told_to_leave=told_to_leave
    )
    assert decision.act is wanted
    if wanted is Act.ASK_TO_LEAVE:
        assert decision.reason == "operator"


def test_an_agent_of_another_program_may_stay_in_a_closed_room() -> None:
    assert act(a_room(a_foreign_agent()), closure=CLOSED) is Act.NOTHING


@pytest.mark.parametrize(
    ("ended", "wanted"),
    [(9.999, Act.NOTHING), (10.0, Act.ASK_TO_LEAVE), (10.001, Act.ASK_TO_LEAVE)],
    ids=["just before", "at", "after"],
)
def test_an_agent_alone_past_its_grace_period_is_asked_to_leave(ended: float, wanted: Act) -> None:
    session = a_session(phase="grace_period", grace_ends_at=NOW - ended)
    decision = decided(a_room(an_agent(), humans=0), session)
    assert decision.act is wanted
    if wanted is Act.NOTHING:
        assert decision.look_at == NOW - ended + 10.0
    else:
        assert decision.reason == "alone"


def test_an_agent_past_its_grace_period_stays_when_a_human_is_there() -> None:
    session = a_session(phase="grace_period", grace_ends_at=NOW - 100)
    assert act(a_room(an_agent()), session) is Act.NOTHING


@pytest.mark.parametrize(
    ("ago", "wanted"),
    [(11.999, Act.NOTHING), (12.0, Act.REMOVE)],
    ids=["just before", "at"],
)
def test_an_agent_that_said_goodbye_must_be_out_in_time(ago: float, wanted: Act) -> None:
    decision = decided(a_room(an_agent(), humans=0), a_session(health=Health.STOPPED, ago=ago))
    assert decision.act is wanted
    if wanted is Act.NOTHING:
        assert decision.look_at == NOW - ago + 12.0
