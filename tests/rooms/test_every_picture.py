"""What must hold for every picture of a room, however odd."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from rooms.decide import Act, decide
from rooms.judging import State, judge
from rooms.limits import KeepLimits
from rooms.picture import Answer, Asked, Attempts, Closure, Health, Picture
from tests.rooms.pictures import NOW, a_foreign_agent, a_picture, a_room, a_session, an_agent
from wire import AgentId

LIMITS = KeepLimits()
CLOSED = Closure(by="ann", reason="a test", at=NOW - 50)


def pictures(n: int) -> Iterator[Picture]:
    """Rooms as they come, and as they never should: the same ones in each run."""
    chance = random.Random(20260101)
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
        asked={name: _any_answer(chance, at=moment()) for name in names()},
        told_to_leave={f"ai-{name}": moment() for name in names()},
        worker_came_at=chance.choice([-math.inf, moment()]),
        knows_workers=chance.random() < 0.8,
        vanished=chance.choice([None, "a"]),
        vanished_at=moment(),
        losses=tuple(sorted(moment() for _ in range(chance.choice([0, 0, 1, 3, 5])))),
    )


def _any_answer(chance: random.Random, *, at: float) -> Asked:
    answer = chance.choice(list(Answer))
    silent_since = at - chance.choice([0.0, chance.uniform(0, 8)]) if answer is Answer.SILENT else math.inf
    return Asked(answer=answer, at=at, silent_since=silent_since)


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
