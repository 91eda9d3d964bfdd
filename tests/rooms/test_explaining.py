"""Why there is, or is not, an agent in a room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rooms.decide import decide
from rooms.explaining import explain
from rooms.limits import KeepLimits
from rooms.picture import Answer, Attempts, Closure, Health, Picture
from rooms.views import WhyView
from tests.rooms.pictures import NOW, a_foreign_agent, a_picture, a_room, a_session, an_agent, asked

START = datetime(2026, 1, 1, tzinfo=UTC)


def why(picture: Picture, *, hindrances: tuple[str, ...] = ()) -> WhyView:
    return explain(
        picture,
        decide(picture, now=NOW, limits=KeepLimits()),
        now=NOW,
        limits=KeepLimits(),
        date_of=lambda moment: START + timedelta(seconds=moment),
        hindrances=hindrances,
        events=(),
    )


def texts(view: WhyView) -> str:
    return "\n".join(f"{fact.source}: {fact.text}" for fact in view.facts)


SUSPECT = a_session(health=Health.SUSPECT, ago=0)


@pytest.mark.parametrize(
    ("picture", "answer"),
    [
        pytest.param(a_picture(None), "LiveKit has no such room, so nobody is in it.", id="no room"),
        pytest.param(
            a_picture(a_room(an_agent()), a_session()),
            "An agent is there, as it should be: ai-a.",
            id="all is well",
        ),
        pytest.param(
            a_picture(a_room(a_foreign_agent())),
            "An agent is there, as it should be: ai-other.",
            id="foreign",
        ),
        pytest.param(
            a_picture(a_room(an_agent(), humans=0), a_session()), "An agent is there and no human", id="alone"
        ),
        pytest.param(a_picture(a_room(humans=0)), "No agent is there, and none is needed", id="empty"),
        pytest.param(a_picture(a_room(since=1)), "A human is there and no agent: ", id="a human waits"),
        pytest.param(
            a_picture(a_room(), attempts=Attempts(n=3, last_at=NOW - 9)),
            "A human is there and no agent: a human is there, and no agent came although 3 were asked for",
            id="red",
        ),
        pytest.param(
            a_picture(a_room(an_agent(), since=1), SUSPECT),
            "An agent is there, but nobody knows whether it is well: ",
            id="in doubt",
        ),
        pytest.param(
            a_picture(a_room(an_agent()), a_session(health=Health.GONE, ago=0, cause="killed")),
            "A human is there and no agent: ",
            id="dead",
        ),
    ],
)
def test_the_answer(picture: Picture, answer: str) -> None:
    assert why(picture).answer.startswith(answer)


@pytest.mark.parametrize(
    ("picture", "fact"),
    [
        (a_picture(a_room(), agent_id=None), "keeper: its name is not agent-<id>-room"),
        (a_picture(None), "livekit: it is not on LiveKit's list of rooms"),
        (a_picture(a_room(humans=2)), "livekit: 2 humans are there"),
        (a_picture(a_room()), "worker: no worker beats to this registry"),
        (a_picture(a_room(), worker_came_at=NOW, knows_workers=False), "worker: no worker beats to this"),
        (a_picture(a_room(an_agent()), SUSPECT), "beats: session a of 1 is suspect: it is suspect"),
        (a_picture(a_room(an_agent()), a_session(is_connected=False)), "LiveKit is out of its reach"),
        (a_picture(a_room(), joining_since=NOW), "worker: a worker has taken a job for it"),
        (a_picture(a_room(an_agent()), asked=asked(Answer.SILENT)), "livekit: agent a was asked"),
        (
            a_picture(a_room(), closure=Closure(by="ann", reason="tests", at=NOW)),
            "operator: closed by ann: tests",
        ),
        (a_picture(a_room(), attempts=Attempts(n=2, last_at=NOW)), "keeper: asked for in vain so far: 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_facts(picture: Picture, fact: str) -> None:
    assert fact in texts(why(picture))


def test_nobody_is_named() -> None:
    assert "ann0" not in str(why(a_picture(a_room(an_agent(), humans=3), SUSPECT)))


def test_what_holds_the_keeper_back_is_said_first() -> None:
    view = why(a_picture(a_room()), hindrances=("LiveKit is out of reach",))
    assert view.facts[0].text == "LiveKit is out of reach"
    assert view.next_step == "ask LiveKit for an agent; held back: LiveKit is out of reach"


@pytest.mark.parametrize(
    ("picture", "step", "seconds"),
    [
        pytest.param(a_picture(a_room()), "ask LiveKit for an agent", None, id="now"),
        pytest.param(
            a_picture(a_room(since=1)), "look again (a human is there and no agent)", 1.0, id="soon"
        ),
        pytest.param(
            a_picture(a_room(an_agent()), a_session()), "nothing, until something changes", None, id="never"
        ),
    ],
)
def test_the_next_step(picture: Picture, step: str, seconds: float | None) -> None:
    view = why(picture)
    assert view.next_step == step
    expected: Any = None if seconds is None else START + timedelta(seconds=NOW + seconds)
    assert view.next_at == expected
