"""What an agent on LiveKit's list is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from rooms.judging import Judged, State, judge
from rooms.limits import KeepLimits
from rooms.picture import AgentSeen, Answer, Asked, Health, SessionSeen
from tests.rooms.pictures import NOW, a_foreign_agent, a_picture, a_room, a_session, an_agent, asked

LIMITS = KeepLimits()


def judged(
    agent: AgentSeen | None = None,
    session: SessionSeen | None = None,
    answers: dict[str, Asked] | None = None,
    *,
    now: float = NOW,
) -> Judged:
    agent = agent or an_agent()
    sessions = () if session is None else (session,)
    return judge(agent, a_picture(a_room(agent), *sessions, asked=answers or {}), now=now, limits=LIMITS)


@pytest.mark.parametrize(
    ("agent", "session", "state"),
    [
        pytest.param(a_foreign_agent(), None, State.FOREIGN, id="of another program"),
        pytest.param(a_foreign_agent(leaving="x"), None, State.FOREIGN, id="of another program, leaving"),
        pytest.param(an_agent(), a_session(), State.WELL, id="beats"),
        pytest.param(an_agent(), a_session(is_connected=False), State.WELL, id="beats, reconnects"),
        pytest.param(an_agent(), a_session(health=Health.GONE), State.DEAD, id="its process is gone"),
        pytest.param(
            an_agent(leaving="x"), a_session(health=Health.GONE), State.DEAD, id="was leaving, and is gone"
        ),
        pytest.param(
            an_agent(leaving="humans_left"), None, State.LEAVING, id="says in the room that it leaves"
        ),
        pytest.param(
            an_agent(), a_session(closing="operator"), State.LEAVING, id="says in its beat that it leaves"
        ),
        pytest.param(
            an_agent(leaving="x"),
            a_session(health=Health.SUSPECT),
            State.LEAVING,
            id="leaves, and is suspect",
        ),
        pytest.param(an_agent(), a_session(health=Health.STOPPED), State.LEAVING, id="said goodbye"),
        pytest.param(an_agent(), a_session(health=Health.SUSPECT, ago=0), State.DOUBTED, id="suspect"),
        pytest.param(an_agent(), a_session(health=Health.UNKNOWN, ago=0), State.DOUBTED, id="unknown"),
        pytest.param(an_agent(), None, State.DOUBTED, id="does not beat here"),
        pytest.param(
            an_agent(), a_session("other"), State.DOUBTED, id="another incarnation beats, not this one"
        ),
    ],
)
def test_what_an_agent_is(agent: AgentSeen, session: SessionSeen | None, state: State) -> None:
    assert judged(agent, session).state is state


@pytest.mark.parametrize(
    ("first_seen", "state"),
    [
        pytest.param(NOW - 2.999, State.WELL, id="just before"),
        pytest.param(NOW - 3.0, State.DOUBTED, id="at"),
        pytest.param(NOW - 3.001, State.DOUBTED, id="after"),
    ],
)
def test_a_new_agent_is_not_doubted_while_it_settles(first_seen: float, state: State) -> None:
    one = judged(an_agent(first_seen_at=first_seen))
    assert one.state is state
    if state is State.WELL:
        assert one.due_at == first_seen + LIMITS.settling > NOW


@pytest.mark.parametrize(
    ("ago", "state"),
    [(1.999, State.UNSURE), (2.0, State.DOUBTED), (2.001, State.DOUBTED)],
    ids=["just before", "at", "after"],
)
def test_a_blocked_loop_may_be_blocked_for_a_moment(ago: float, state: State) -> None:
    one = judged(session=a_session(health=Health.STALLED, ago=ago))
    assert one.state is state
    if state is State.UNSURE:
        assert one.due_at == NOW - ago + LIMITS.stall


SUSPECT = a_session(health=Health.SUSPECT, ago=60)


@pytest.mark.parametrize(
    ("answer", "ago", "state"),
    [
        pytest.param(Answer.ANSWERED, 0, State.WELL, id="answered now"),
        pytest.param(Answer.ANSWERED, 9.999, State.WELL, id="answered just before it is asked again"),
        pytest.param(Answer.ANSWERED, 10, State.DOUBTED, id="answered so long ago that it is asked again"),
        pytest.param(Answer.SILENT, 0, State.DEAD, id="silent now, as before"),
        pytest.param(Answer.SILENT, 4.999, State.DEAD, id="silent just before that is too old"),
        pytest.param(Answer.SILENT, 5, State.DOUBTED, id="silent too long ago"),
        pytest.param(Answer.UNKNOWN, 2.499, State.UNSURE, id="could not be asked a moment ago"),
        pytest.param(Answer.UNKNOWN, 2.5, State.DOUBTED, id="could not be asked, and is asked again"),
        pytest.param(Answer.LEAVING, 0, State.LEAVING, id="answers that it leaves"),
        pytest.param(Answer.LEAVING, 59, State.LEAVING, id="answered that it leaves"),
    ],
)
@pytest.mark.parametrize("session", [None, SUSPECT], ids=["no beats", "suspect"])
def test_what_it_answers_counts_for_a_while(
    answer: Answer, ago: float, state: State, session: SessionSeen | None
) -> None:
    one = judged(session=session, answers=asked(answer, ago=ago, silent_for=ago + 4))
    assert one.state is state
    assert one.due_at > NOW
    if state in (State.WELL, State.UNSURE):
        assert one.due_at < math.inf


HEARD_OF = a_session(health=Health.UNKNOWN, ago=60)


@pytest.mark.parametrize("session", [None, HEARD_OF], ids=["no beats", "nobody knows"])
@pytest.mark.parametrize(
    ("silent_for", "ago", "state"),
    [
        pytest.param(0, 0, State.UNSURE, id="silent once, now"),
        pytest.param(3.999, 3.999, State.UNSURE, id="silent once, just before it is asked again"),
        pytest.param(4, 4, State.DOUBTED, id="silent once, and is asked again"),
        pytest.param(50, 50, State.DOUBTED, id="silent once, long ago"),
        pytest.param(3.999, 0, State.UNSURE, id="silent twice, a little too close together"),
        pytest.param(4.5, 0.501, State.DOUBTED, id="silent twice too close together, and is asked again"),
        pytest.param(4, 0, State.DEAD, id="silent twice, far enough apart"),
        pytest.param(8.999, 4.999, State.DEAD, id="silent twice, just before that is too old"),
        pytest.param(9, 5, State.DOUBTED, id="silent twice, too long ago"),
    ],
)
def test_against_whom_only_silence_speaks_must_be_silent_twice(
    silent_for: float, ago: float, state: State, session: SessionSeen | None
) -> None:
    one = judged(session=session, answers=asked(Answer.SILENT, ago=ago, silent_for=silent_for))
    assert one.state is state
    if state is State.UNSURE:
        assert one.due_at == NOW - silent_for + LIMITS.silent_twice
    else:
        assert one.due_at == math.inf
    assert one.is_guess is (state is State.DEAD)


@pytest.mark.parametrize("health", [Health.SUSPECT, Health.STALLED], ids=lambda one: one.value)
def test_against_whom_more_speaks_than_silence_must_be_silent_once(health: Health) -> None:
    assert judged(session=a_session(health=health, ago=60), answers=asked(Answer.SILENT)).state is State.DEAD


@pytest.mark.parametrize("answer", list(Answer), ids=lambda answer: answer.value)
def test_what_it_answered_before_there_was_a_doubt_says_nothing(answer: Answer) -> None:
    session = a_session(health=Health.SUSPECT, ago=1)
    assert judged(session=session, answers=asked(answer, ago=1.001)).state is State.DOUBTED
    assert judged(session=session, answers=asked(answer, ago=1)).state is not State.DOUBTED


@pytest.mark.parametrize(
    ("session", "is_guess"),
    [
        pytest.param(a_session(health=Health.GONE), False, id="its process is gone"),
        pytest.param(a_session(health=Health.GONE, is_guess=True), False, id="gone after all"),
        pytest.param(a_session(health=Health.SUSPECT, is_guess=True), True, id="nothing is heard"),
        pytest.param(a_session(health=Health.SUSPECT), False, id="its line was seen to break"),
        pytest.param(a_session(health=Health.UNKNOWN, is_guess=True), True, id="the registry cannot know"),
        pytest.param(a_session(health=Health.UNKNOWN), True, id="the registry does not know"),
        pytest.param(a_session(health=Health.STALLED, ago=60), True, id="its beats say that it hangs"),
        pytest.param(None, True, id="it does not beat here"),
    ],
)
def test_only_death_by_silence_alone_is_a_guess(session: SessionSeen | None, is_guess: bool) -> None:
    one = judged(session=session, answers=asked(Answer.SILENT, silent_for=4))
    assert one.state is State.DEAD
    assert one.is_guess is is_guess


def test_one_that_lives_is_never_a_guess() -> None:
    assert not judged(answers=asked(Answer.ANSWERED)).is_guess
    assert not judged(a_foreign_agent()).is_guess


def test_answers_of_another_incarnation_do_not_count() -> None:
    assert judged(answers=asked(Answer.SILENT, name="b")).state is State.DOUBTED


def test_the_words_say_why() -> None:
    assert judged(session=replace(SUSPECT, cause="its line broke")).text == "its line broke, and is asked"
    assert judged(session=a_session(health=Health.GONE, cause="killed")).text == "is dead: killed"
