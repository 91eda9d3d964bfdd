"""What to do about dead agents: each rule, each deadline just before, at and after it."""

from __future__ import annotations

from typing import Any

import pytest

from rooms.decide import Act
from rooms.picture import Answer, Attempts, Health, RoomSeen, SessionSeen
from tests.rooms.decisions import CLOSED, act, decided
from tests.rooms.pictures import NOW, a_foreign_agent, a_room, a_session, an_agent, asked

GONE = a_session(health=Health.GONE, ago=0)


def test_a_dead_agent_is_removed_and_followed() -> None:
    decision = decided(a_room(an_agent()), a_session(health=Health.GONE, ago=0, cause="killed"))
    assert decision.act is Act.RECOVER
    assert decision.identities == ("ai-a",)
    assert decision.resumes == "a"
    assert not decision.is_guess
    assert "killed" in decision.why


@pytest.mark.parametrize(
    ("room", "sessions", "fields"),
    [
        pytest.param(a_room(an_agent(), humans=0), (GONE,), {}, id="nobody human is there"),
        pytest.param(a_room(an_agent()), (GONE,), {"closure": CLOSED}, id="the room is closed"),
        pytest.param(
            a_room(an_agent(), an_agent("b")), (GONE, a_session("b")), {}, id="another agent is there"
        ),
        pytest.param(a_room(an_agent(), a_foreign_agent()), (GONE,), {}, id="another program's is there"),
        pytest.param(
            a_room(an_agent(), an_agent("b")),
            (GONE, a_session("b", Health.SUSPECT, ago=0)),
            {},
            id="another one may live",
        ),
        pytest.param(
            a_room(an_agent()),
            (a_session(health=Health.GONE, ago=0, closing="operator"),),
            {},
            id="an operator had asked it to leave",
        ),
        pytest.param(
            a_room(an_agent()),
            (GONE,),
            {"attempts": Attempts(n=1, last_at=NOW - 4.999)},
            id="one was asked for a moment ago",
        ),
    ],
)
def test_a_dead_agent_is_removed_and_not_followed(
    room: RoomSeen, sessions: tuple[SessionSeen, ...], fields: dict[str, Any]
) -> None:
    decision = decided(room, *sessions, **fields)
    assert (decision.act, decision.identities, decision.resumes) == (Act.REMOVE, ("ai-a",), None)


def test_a_dead_agent_is_followed_when_the_one_asked_for_before_has_not_come() -> None:
    attempts = Attempts(n=1, last_at=NOW - 5)
    assert act(a_room(an_agent()), GONE, attempts=attempts) is Act.RECOVER


def test_a_conversation_that_had_ended_is_not_gone_on_with() -> None:
    ended = a_session(health=Health.GONE, ago=0, closing="humans_left")
    decision = decided(a_room(an_agent()), ended)
    assert (decision.act, decision.resumes) == (Act.RECOVER, None)


def test_dead_agents_go_together_and_the_youngest_is_gone_on_with() -> None:
    room = a_room(an_agent("b", joined_at=2.0), an_agent("a"))
    decision = decided(room, GONE, a_session("b", Health.GONE, ago=0))
    assert (decision.identities, decision.resumes) == (("ai-a", "ai-b"), "b")


def test_silence_alone_is_a_guess() -> None:
    session = a_session(health=Health.SUSPECT, is_guess=True)
    for decision in (
        decided(a_room(an_agent()), session, asked=asked(Answer.SILENT)),
        decided(a_room(an_agent()), asked=asked(Answer.SILENT, silent_for=4)),
        decided(a_room(an_agent()), a_session(health=Health.STALLED), asked=asked(Answer.SILENT)),
    ):
        assert (decision.act, decision.is_guess) == (Act.RECOVER, True)


def test_an_agent_against_which_only_silence_speaks_is_asked_once_more() -> None:
    room = a_room(an_agent())
    decision = decided(room, asked=asked(Answer.SILENT))
    assert (decision.act, decision.look_at) == (Act.NOTHING, NOW + 4)
    assert act(room, asked=asked(Answer.SILENT, ago=4)) is Act.ASK


def test_who_was_seen_to_end_does_not_wait_for_who_is_only_silent() -> None:
    """The brake holds guesses back: what is certain must not be held back with them."""
    room = a_room(an_agent("a"), an_agent("b", joined_at=2.0))
    silent = asked(Answer.SILENT, name="b", silent_for=4)
    decision = decided(room, GONE, asked=silent)
    assert (decision.act, decision.identities, decision.is_guess) == (Act.REMOVE, ("ai-a",), False)
    decision = decided(a_room(an_agent("b", joined_at=2.0)), GONE, asked=silent)
    assert (decision.act, decision.identities, decision.is_guess) == (Act.RECOVER, ("ai-b",), True)


# -- agents that are lost one after the other


THRICE = (NOW - 60.0, NOW - 30.0, NOW)


def ago(*seconds: float) -> tuple[float, ...]:
    return tuple(NOW - one for one in seconds)


@pytest.mark.parametrize(
    ("losses", "rests"),
    [
        pytest.param((), False, id="none was lost"),
        pytest.param(ago(1, 0), False, id="two were lost"),
        pytest.param(ago(60, 30, 0), True, id="three within a minute"),
        pytest.param(ago(60.001, 30, 0), False, id="three in a little more than a minute"),
        pytest.param(ago(500, 60, 30, 0), True, id="three of four within a minute"),
        pytest.param(ago(60, 30, 14.999), True, id="just before the next may come"),
        pytest.param(ago(60, 30, 15), False, id="the next may come"),
    ],
)
def test_who_is_lost_again_and_again_is_followed_seldom(losses: tuple[float, ...], rests: bool) -> None:
    there, left = a_room(an_agent()), a_room(since=300, agentless_since=NOW)
    dead = decided(there, GONE, losses=losses)
    assert dead.act is (Act.REMOVE if rests else Act.RECOVER)
    assert dead.identities == ("ai-a",), "the dead one goes at once, whatever follows it"
    assert dead.resumes == (None if rests else "a")
    gone = decided(left, GONE, losses=losses)
    assert gone.act is (Act.NOTHING if rests else Act.DISPATCH)
    if rests:
        assert gone.look_at == min(losses[-1] + 15, NOW + 10)
        assert f"{len(losses)} agents were lost here one after the other" in gone.why
    else:
        assert gone.resumes == "a"
    for decision in (dead, gone):
        assert ("lost here one after the other" in (decision.trouble or "")) is rests


def test_an_agent_that_was_asked_for_waits_as_well_where_one_after_the_other_is_lost() -> None:
    attempts = Attempts(n=1, last_at=NOW - 5)
    assert act(a_room(), attempts=attempts, losses=THRICE) is Act.NOTHING
    assert act(a_room(), attempts=attempts) is Act.DISPATCH


def test_who_is_well_has_no_trouble_though_others_were_lost() -> None:
    decision = decided(a_room(an_agent()), a_session(), losses=THRICE)
    assert (decision.act, decision.trouble) == (Act.NOTHING, None)
