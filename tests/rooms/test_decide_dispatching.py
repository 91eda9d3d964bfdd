"""What to do about a human without an agent: each rule, each deadline just before, at and after it."""

from __future__ import annotations

from typing import Any

import pytest

from rooms.decide import Act, lacks_agent
from rooms.limits import KeepLimits
from rooms.picture import Attempts, Health, Picture, RoomSeen
from tests.rooms.decisions import CLOSED, act, decided
from tests.rooms.pictures import NOW, a_foreign_agent, a_picture, a_room, a_session, an_agent


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


def test_trouble_tells_that_no_worker_serves_the_agent() -> None:
    attempts = Attempts(n=3, last_at=NOW - 5)
    told = decided(a_room(), attempts=attempts, knows_workers=False).trouble or ""
    assert told.endswith("no worker that takes its jobs beats to this registry")
    told = decided(a_room(), attempts=attempts).trouble or ""
    assert told.endswith("is a worker registered with LiveKit, and not full?")


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


@pytest.mark.parametrize("closing", ["operator", "max_session"])
def test_nobody_comes_for_the_humans_of_a_call_that_was_ended_for_good(closing: str) -> None:
    left = a_session(health=Health.STOPPED, closing=closing, ago=10)
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


# -- somebody is about to come

_GOING = a_room(an_agent(leaving="humans_left"), humans=0)


@pytest.mark.parametrize(
    ("picture", "lacks"),
    [
        pytest.param(a_picture(None), True, id="a room that was not looked at yet"),
        pytest.param(a_picture(a_room(humans=0)), True, id="nobody is there"),
        pytest.param(a_picture(a_room()), True, id="a human without an agent"),
        pytest.param(a_picture(a_room(a_foreign_agent())), True, id="another program's agent"),
        pytest.param(a_picture(a_room(an_agent()), a_session()), False, id="an agent that is well"),
        pytest.param(a_picture(a_room(an_agent(agent_id="2"))), False, id="another agent of ours"),
        pytest.param(a_picture(a_room(an_agent()), a_session(health=Health.SUSPECT)), False, id="in doubt"),
        pytest.param(a_picture(a_room(an_agent()), a_session(health=Health.GONE)), False, id="dead"),
        pytest.param(a_picture(_GOING), True, id="an agent that leaves"),
        pytest.param(a_picture(_GOING, closure=CLOSED), False, id="an operator closed it"),
        pytest.param(a_picture(a_room(humans=0), closure=CLOSED), False, id="closed, and nobody is there"),
        pytest.param(a_picture(None, joining_since=NOW - 11.999), False, id="a worker has the job"),
        pytest.param(a_picture(None, joining_since=NOW - 12.0), True, id="a worker has had the job for long"),
        pytest.param(a_picture(None, attempts=Attempts(n=1, last_at=NOW - 4.999)), False, id="asked for"),
        pytest.param(a_picture(None, attempts=Attempts(n=1, last_at=NOW - 5.0)), True, id="asked in vain"),
    ],
)
def test_who_comes_into_a_room_needs_an_agent_that_is_not_there_or_on_its_way(
    picture: Picture, lacks: bool
) -> None:
    assert lacks_agent(picture, now=NOW, limits=KeepLimits()) is lacks
