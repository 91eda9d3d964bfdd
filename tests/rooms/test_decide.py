"""What to do about a room: each rule, each deadline just before, at and after it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rooms.decide import Act, Decision, decide
from rooms.limits import KeepLimits
from rooms.picture import Answer, Attempts, Closure, Health, RoomSeen, SessionSeen
from tests.rooms.pictures import NOW, a_foreign_agent, a_picture, a_room, a_session, an_agent, asked

LIMITS = KeepLimits()
CLOSED = Closure(by="ann", reason="a test", at=NOW - 50)


def decided(room: RoomSeen | None, *sessions: SessionSeen, now: float = NOW, **fields: Any) -> Decision:
    return decide(a_picture(room, *sessions, **fields), now=now, limits=LIMITS)


def act(room: RoomSeen | None, *sessions: SessionSeen, **fields: Any) -> Act:
    return decided(room, *sessions, **fields).act


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


# -- a human and no agent


@pytest.mark.parametrize(
    ("since", "wanted"),
    [(1.999, Act.NOTHING), (2.0, Act.DISPATCH), (2.001, Act.DISPATCH)],
    ids=["just before", "at", "after"],
)
def test_a_human_is_without_an_agent_for_two_seconds(since: float, wanted: Act) -> None:
    decision = decided(a_room(since=since))
    assert decision.act is wanted
    if wanted is Act.NOTHING:
        assert decision.look_at == NOW - since + 2.0


@pytest.mark.parametrize(
    ("since", "wanted"), [(4.999, Act.NOTHING), (5.0, Act.DISPATCH)], ids=["just before", "at"]
)
def test_where_no_worker_beats_livekit_may_have_sent_an_agent_that_nobody_knows_of(
    since: float, wanted: Act
) -> None:
    decision = decided(a_room(since=since), knows_workers=False)
    assert decision.act is wanted
    if wanted is Act.NOTHING:
        assert decision.look_at == NOW - since + 5.0


def test_an_agent_lost_is_followed_at_once_where_no_worker_beats() -> None:
    room = a_room(since=60, agentless_since=NOW)
    assert act(room, a_session(health=Health.GONE, ago=0.1), knows_workers=False) is Act.DISPATCH


def test_the_wait_begins_when_the_agent_has_left() -> None:
    assert act(a_room(since=300, agentless_since=NOW - 1.9)) is Act.NOTHING
    assert act(a_room(since=300, agentless_since=NOW - 2)) is Act.DISPATCH


@pytest.mark.parametrize("health", [Health.GONE, Health.STOPPED], ids=lambda health: health.value)
def test_an_agent_lost_under_a_human_is_followed_at_once(health: Health) -> None:
    room = a_room(since=60, agentless_since=NOW)
    decision = decided(room, a_session(health=health, ago=0.1))
    assert (decision.act, decision.resumes) == (Act.DISPATCH, "a")


def test_an_agent_lost_before_the_human_came_is_no_reason_to_hurry() -> None:
    room = a_room(since=1)
    assert act(room, a_session(health=Health.GONE, ago=1.001)) is Act.NOTHING
    assert act(room, a_session(health=Health.GONE, ago=1)) is Act.DISPATCH


def test_a_human_who_meets_a_leaving_agent_gets_another_at_once() -> None:
    assert act(a_room(an_agent(leaving="humans_left"), since=0.1)) is Act.DISPATCH


@pytest.mark.parametrize(
    ("n", "ago", "wanted"),
    [
        pytest.param(1, 4.999, Act.NOTHING, id="once, just before five seconds"),
        pytest.param(1, 5, Act.DISPATCH, id="once, five seconds ago"),
        pytest.param(2, 4.999, Act.NOTHING, id="twice, just before"),
        pytest.param(2, 5, Act.DISPATCH, id="twice, five seconds ago"),
        pytest.param(3, 14.999, Act.NOTHING, id="red, just before the next try"),
        pytest.param(3, 15, Act.DISPATCH, id="red, and tried again"),
        pytest.param(40, 14.999, Act.NOTHING, id="red for long, just before the next try"),
        pytest.param(40, 15, Act.DISPATCH, id="red for long, and tried again"),
    ],
)
def test_an_agent_that_did_not_come_is_asked_for_again(n: int, ago: float, wanted: Act) -> None:
    attempts = Attempts(n=n, last_at=NOW - ago, resumes="x")
    decision = decided(a_room(), attempts=attempts)
    assert decision.act is wanted
    if wanted is Act.DISPATCH:
        assert decision.resumes == "x"
    else:
        assert decision.look_at > NOW


def test_a_worker_that_came_after_the_last_try_is_asked_at_once() -> None:
    attempts = Attempts(n=3, last_at=NOW - 1)
    assert act(a_room(), attempts=attempts, worker_came_at=NOW - 1) is Act.NOTHING
    assert act(a_room(), attempts=attempts, worker_came_at=NOW - 0.999) is Act.DISPATCH


@pytest.mark.parametrize(
    ("n", "ago", "is_red"),
    [(2, 5, True), (3, 4.999, True), (3, 5, True), (4, 0, True)],
    ids=["two tries", "three tries, just before", "three tries", "a fourth one on its way"],
)
def test_a_room_is_in_trouble_when_nobody_comes(n: int, ago: float, is_red: bool) -> None:
    decision = decided(a_room(), attempts=Attempts(n=n, last_at=NOW - ago))
    assert (decision.trouble is not None) is is_red
    in_vain = "no agent came although 3 were asked for" in (decision.trouble or "")
    assert in_vain is ((n == 3 and ago >= 5) or n == 4)


@pytest.mark.parametrize(
    ("since", "is_red"), [(9.999, False), (10, True)], ids=["just before ten seconds", "at ten seconds"]
)
def test_a_room_is_in_trouble_after_ten_seconds(since: float, is_red: bool) -> None:
    decision = decided(a_room(since=since), attempts=Attempts(n=1, last_at=NOW - 1))
    assert (decision.trouble is not None) is is_red


def test_it_looks_again_when_trouble_begins() -> None:
    attempts = Attempts(n=1, last_at=NOW)
    decision = decided(a_room(since=6), attempts=attempts)
    assert (decision.act, decision.look_at) == (Act.NOTHING, NOW + 4), "ten seconds after the human came"
    decision = decided(a_room(since=300, agentless_since=NOW - 6), attempts=attempts)
    assert decision.look_at == NOW + 4, "ten seconds after the agent left"
    decision = decided(a_room(since=10), attempts=attempts)
    assert (decision.trouble is not None, decision.look_at) == (True, NOW + 5)


@pytest.mark.parametrize(
    ("room", "fields"),
    [
        pytest.param(a_room(humans=0), {}, id="nobody is there"),
        pytest.param(a_room(), {"closure": CLOSED}, id="closed"),
        pytest.param(a_room(a_foreign_agent()), {}, id="another program's agent is there"),
    ],
)
def test_nobody_misses_an_agent_where_none_is_wanted(room: RoomSeen, fields: dict[str, Any]) -> None:
    assert decided(room, attempts=Attempts(n=9, last_at=NOW - 100), **fields).trouble is None


@pytest.mark.parametrize(
    ("ago", "wanted"),
    [(11.999, Act.NOTHING), (12.0, Act.DISPATCH)],
    ids=["just before", "at"],
)
def test_an_agent_on_its_way_is_waited_for(ago: float, wanted: Act) -> None:
    decision = decided(a_room(), joining_since=NOW - ago)
    assert decision.act is wanted
    if wanted is Act.NOTHING:
        assert decision.look_at == NOW - ago + 12.0


@pytest.mark.parametrize("health", [Health.ALIVE, Health.SUSPECT, Health.UNKNOWN], ids=lambda one: one.value)
@pytest.mark.parametrize(
    ("ago", "wanted"),
    [(4.999, Act.NOTHING), (5.0, Act.DISPATCH), (5.001, Act.DISPATCH)],
    ids=["just before", "at", "after"],
)
def test_an_agent_that_lives_may_come_back_to_livekit(health: Health, ago: float, wanted: Act) -> None:
    room = a_room(since=300, agentless_since=NOW - ago)
    assert act(room, a_session(health=health, is_connected=False)) is wanted


def test_one_that_leaves_is_not_coming_back() -> None:
    room = a_room(since=300, agentless_since=NOW - 2)
    assert act(room, a_session(closing="humans_left")) is Act.DISPATCH


def test_nobody_comes_after_an_operator_asked_the_agent_to_leave() -> None:
    left = a_session(health=Health.STOPPED, closing="operator", ago=10)
    assert act(a_room(since=60), left) is Act.NOTHING
    assert act(a_room(since=10), left) is Act.NOTHING
    assert act(a_room(since=9.999), left) is Act.DISPATCH, "another human came afterwards"


@pytest.mark.parametrize(
    ("closing", "is_resumed"),
    [
        *[(reason, False) for reason in ("humans_left", "never_joined", "max_session", "operator")],
        *[(reason, True) for reason in ("disconnected", "pipeline_ended", "shutdown", "removed", None)],
    ],
)
def test_whose_conversation_goes_on(closing: str | None, is_resumed: bool) -> None:
    decision = decided(a_room(since=3), a_session(health=Health.STOPPED, closing=closing, ago=4))
    assert decision.act is Act.DISPATCH
    assert decision.resumes == ("a" if is_resumed else None)


@pytest.mark.parametrize(("ago", "resumes"), [(179.999, "a"), (180.0, None)], ids=["just before", "at"])
def test_a_conversation_is_gone_on_with_for_three_minutes(ago: float, resumes: str | None) -> None:
    assert decided(a_room(), a_session(health=Health.GONE, ago=ago)).resumes == resumes


@pytest.mark.parametrize(("since", "resumes"), [(179.999, "lost"), (180.0, None)], ids=["just before", "at"])
def test_an_agent_that_vanished_is_gone_on_with_where_no_session_is_known(
    since: float, resumes: str | None
) -> None:
    decision = decided(a_room(), vanished="lost", vanished_at=NOW - since)
    assert (decision.act, decision.resumes) == (Act.DISPATCH, resumes)


@pytest.mark.parametrize(
    ("closing", "resumes"), [("humans_left", None), ("pipeline_ended", "a")], ids=["it ended", "cut short"]
)
def test_what_a_session_said_counts_more_than_that_an_agent_vanished(
    closing: str, resumes: str | None
) -> None:
    left = a_session(health=Health.STOPPED, closing=closing, ago=4)
    decision = decided(a_room(since=3), left, vanished="lost", vanished_at=NOW - 4)
    assert (decision.act, decision.resumes) == (Act.DISPATCH, resumes)


def test_a_younger_agent_that_left_is_not_whose_conversation_goes_on() -> None:
    elder = a_session("elder", Health.GONE, ago=1)
    younger = a_session("younger", Health.STOPPED, ago=30, closing="duplicate")
    decision = decided(a_room(since=300, agentless_since=NOW), elder, younger)
    assert (decision.act, decision.resumes) == (Act.DISPATCH, "elder")


# -- dead agents


def test_a_dead_agent_is_removed_and_followed() -> None:
    decision = decided(a_room(an_agent()), a_session(health=Health.GONE, ago=0, cause="killed"))
    assert decision.act is Act.RECOVER
    assert decision.identities == ("ai-a",)
    assert decision.resumes == "a"
    assert not decision.is_guess
    assert "killed" in decision.why


GONE = a_session(health=Health.GONE, ago=0)


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
