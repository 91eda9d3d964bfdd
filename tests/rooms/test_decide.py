"""What to do about a room: each rule, each deadline just before, at and after it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

from rooms.decide import Act, Decision, decide
from rooms.judging import State, judge
from rooms.limits import KeepLimits
from rooms.picture import Answer, Asked, Attempts, Closure, Health, Picture, RoomSeen, SessionSeen
from tests.rooms.pictures import NOW, a_foreign_agent, a_picture, a_room, a_session, an_agent, asked
from wire import AgentId

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
    [(2, 5, True), (3, 4.999, True), (3, 5, True)],
    ids=["two tries", "three tries, just before", "three tries"],
)
def test_a_room_is_in_trouble_when_nobody_comes(n: int, ago: float, is_red: bool) -> None:
    decision = decided(a_room(), attempts=Attempts(n=n, last_at=NOW - ago))
    assert (decision.trouble is not None) is is_red
    in_vain = "no agent came although 3 were asked for" in (decision.trouble or "")
    assert in_vain is (n == 3 and ago >= 5)


@pytest.mark.parametrize(
    ("since", "is_red"), [(9.999, False), (10, True)], ids=["just before ten seconds", "at ten seconds"]
)
def test_a_room_is_in_trouble_after_ten_seconds(since: float, is_red: bool) -> None:
    decision = decided(a_room(since=since), attempts=Attempts(n=1, last_at=NOW - 1))
    assert (decision.trouble is not None) is is_red


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
    assert decided(a_room(an_agent()), session, asked=asked(Answer.SILENT)).is_guess
    assert decided(a_room(an_agent()), asked=asked(Answer.SILENT)).is_guess


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


# -- what must hold for every picture


def pictures(n: int) -> Iterator[Picture]:
    """Rooms as they come, and as they never should: the same ones in each run."""
    chance = random.Random(20260101)  # noqa: S311  # no secret
    for _ in range(n):
        yield _any_picture(chance)


def _any_picture(chance: random.Random) -> Picture:
    def moment(*, least: float = 0.0) -> float:
        return NOW - chance.choice([least, chance.uniform(least, 15), chance.uniform(least, 400)])

    def names() -> list[str]:
        return chance.sample(["a", "b", "c"], chance.choice([0, 1, 1, 1, 2, 3]))

    agents = [
        an_agent(
            name,
            joined_at=chance.uniform(0, 10),
            first_seen_at=moment(),
            leaving=chance.choice([None, None, None, "humans_left"]),
        )
        for name in names()
    ]
    if chance.random() < 0.1:
        agents.append(a_foreign_agent())
    sessions = [
        a_session(
            name,
            chance.choice(list(Health)),
            since=moment(),
            grace_ends_at=chance.choice([None, moment(), moment(least=-60)]),
            closing=chance.choice([None, None, "humans_left", "operator", "duplicate", "disconnected"]),
            is_connected=chance.random() < 0.8,
            is_guess=chance.random() < 0.5,
        )
        for name in names()
    ]
    return a_picture(
        a_room(
            *agents,
            humans=chance.choice([0, 1, 2]),
            since=NOW - moment(),
            agentless_since=None if agents else moment(),
        ),
        *sessions,
        agent_id=chance.choice([AgentId("1"), AgentId("1"), None]),
        joining_since=chance.choice([None, None, moment()]),
        closure=chance.choice([None, None, CLOSED]),
        attempts=Attempts(n=chance.randrange(5), last_at=moment(), resumes=chance.choice([None, "a"])),
        asked={name: Asked(answer=chance.choice(list(Answer)), at=moment()) for name in names()},
        told_to_leave={f"ai-{name}": moment() for name in names()},
        worker_came_at=chance.choice([-math.inf, moment()]),
    )


def _states(picture: Picture) -> dict[str, State]:
    assert picture.room is not None
    return {
        agent.identity: judge(agent, picture, now=NOW, limits=LIMITS).state for agent in picture.room.agents
    }


MANY = list(pictures(2_000))


def test_an_agent_that_is_well_with_a_human_is_never_touched() -> None:
    n_seen = 0
    for picture in MANY:
        decision = decide(picture, now=NOW, limits=LIMITS)
        states = _states(picture)
        assert not any(states[identity] is State.FOREIGN for identity in decision.identities), picture
        assert picture.room is not None
        if list(states.values()) == [State.WELL] and picture.room.humans and picture.closure is None:
            n_seen += 1
            assert decision.act is Act.NOTHING, picture
    assert n_seen > 50


def test_nobody_is_sent_for_while_somebody_who_may_live_is_there() -> None:
    acts = set()
    for picture in MANY:
        decision = decide(picture, now=NOW, limits=LIMITS)
        acts.add(decision.act)
        states = _states(picture)
        assert picture.room is not None
        if decision.act not in (Act.DISPATCH, Act.RECOVER):
            continue
        assert picture.room.humans, picture
        assert picture.closure is None, picture
        assert not {State.WELL, State.FOREIGN, State.UNSURE, State.DOUBTED} & set(states.values()), picture
        dead = {identity for identity, state in states.items() if state is State.DEAD}
        assert dead == set(decision.identities), picture
        assert bool(dead) is (decision.act is Act.RECOVER), picture
    assert acts == set(Act)


def test_an_agent_that_is_well_goes_only_for_a_reason_and_is_asked_first() -> None:
    n_seen = 0
    for picture in MANY:
        decision = decide(picture, now=NOW, limits=LIMITS)
        states = _states(picture)
        if decision.act not in (Act.REMOVE, Act.ASK_TO_LEAVE):
            continue
        for identity in decision.identities:
            if states[identity] is not State.WELL:
                continue
            n_seen += 1
            assert picture.room is not None
            is_duplicate = list(states.values()).count(State.WELL) > 1
            is_alone = not picture.room.humans and any(one.grace_ends_at for one in picture.sessions)
            assert is_duplicate or is_alone or picture.closure is not None, picture
            assert decision.act is Act.ASK_TO_LEAVE or identity in picture.told_to_leave, picture
    assert n_seen > 20


def test_nothing_happens_between_now_and_the_next_look() -> None:
    for picture in MANY:
        decision = decide(picture, now=NOW, limits=LIMITS)
        assert decision.why, picture
        if decision.act is not Act.NOTHING:
            continue
        assert decision.look_at > NOW, picture
        if decision.look_at < math.inf:
            later = NOW + (decision.look_at - NOW) * 0.99
            assert decide(picture, now=later, limits=LIMITS).act is Act.NOTHING, picture
