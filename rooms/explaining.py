"""Why there is, or is not, an agent in a room: the chain of facts, and the next step. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from rooms.decide import Act, Decision
from rooms.judging import Judged, State, judge
from rooms.limits import KeepLimits
from rooms.picture import Health, Picture
from rooms.views import FactView, RoomEventView, WhyView

_STEPS = {
    Act.NOTHING: "wait",
    Act.ASK: "ask its agents through LiveKit how they are",
    Act.DISPATCH: "ask LiveKit for an agent",
    Act.RECOVER: "remove the dead agent and ask LiveKit for a successor",
    Act.ASK_TO_LEAVE: "ask an agent to leave",
    Act.REMOVE: "remove an agent",
}


def explain(
    picture: Picture,
    decision: Decision,
    *,
    now: float,
    limits: KeepLimits,
    date_of: Callable[[float], datetime],
    hindrances: Sequence[str],
    events: Sequence[RoomEventView],
) -> WhyView:
    """The whole answer for one room.

    Args:
        date_of: The date of a moment.
        hindrances: What keeps the keeper from acting at all.
        events: The room's latest history.
    """
    agents = (
        []
        if picture.room is None
        else [judge(agent, picture, now=now, limits=limits) for agent in picture.room.agents]
    )
    facts = [
        *(FactView(at=None, source="keeper", text=text, is_bad=True) for text in hindrances),
        *_facts(picture, agents, date_of),
    ]
    step = _STEPS[decision.act] if decision.act is not Act.NOTHING else _waiting(decision)
    if hindrances:
        step = f"{step}; held back: {hindrances[0]}"
    return WhyView(
        room=picture.name,
        answer=_answer(picture, agents, decision),
        facts=tuple(facts),
        next_step=step,
        next_at=None if math.isinf(decision.look_at) else date_of(decision.look_at),
        events=tuple(events),
    )


def _answer(picture: Picture, agents: Sequence[Judged], decision: Decision) -> str:
    room = picture.room
    if room is None:
        return "LiveKit has no such room, so nobody is in it."
    there = [one for one in agents if one.state in (State.WELL, State.FOREIGN)]
    if there and room.humans:
        return f"An agent is there, as it should be: {there[0].agent.identity}."
    if there:
        return f"An agent is there and no human: {decision.why}."
    if not room.humans:
        return "No agent is there, and none is needed: no human is there."
    if any(one.state in (State.DOUBTED, State.UNSURE) for one in agents):
        return f"An agent is there, but nobody knows whether it is well: {decision.trouble or decision.why}."
    return f"A human is there and no agent: {decision.trouble or decision.why}."


def _waiting(decision: Decision) -> str:
    return (
        "nothing, until something changes" if math.isinf(decision.look_at) else f"look again ({decision.why})"
    )


def _facts(
    picture: Picture, agents: Sequence[Judged], date_of: Callable[[float], datetime]
) -> Iterator[FactView]:
    room = picture.room
    if picture.agent_id is None:
        text = (
            "its name is not agent-<id>-room, and no session was made for it: no agent of ours belongs there"
        )
        yield FactView(at=None, source="keeper", text=text)
    else:
        yield FactView(at=None, source="keeper", text=f"agent {picture.agent_id} belongs there")
    if room is None:
        yield FactView(at=None, source="livekit", text="it is not on LiveKit's list of rooms")
    else:
        yield from _listed(picture, agents, date_of)
    for session in picture.sessions:
        is_bad = session.health in (Health.GONE, Health.SUSPECT, Health.STALLED)
        text = f"session {session.incarnation} of {session.row_id} is {session.health.value}"
        about = session.cause or (f"phase {session.phase}" if session.phase else "")
        yield FactView(
            at=date_of(session.since),
            source="beats",
            text=f"{text}: {about}" if about else text,
            is_bad=is_bad,
        )
        if not session.is_connected:
            text = f"session {session.incarnation} says that LiveKit is out of its reach"
            yield FactView(at=None, source="beats", text=text, is_bad=True)
    if picture.joining_since is not None:
        text = "a worker has taken a job for it"
        yield FactView(at=date_of(picture.joining_since), source="worker", text=text)
    for incarnation, asked in picture.asked.items():
        text = f"agent {incarnation} was asked through LiveKit: {asked.answer.value}"
        yield FactView(at=date_of(asked.at), source="livekit", text=text)
    if picture.closure is not None:
        text = f"closed by {picture.closure.by}: {picture.closure.reason}"
        yield FactView(at=date_of(picture.closure.at), source="operator", text=text)
    if picture.attempts.n:
        text = f"asked for in vain so far: {picture.attempts.n}"
        yield FactView(at=date_of(picture.attempts.last_at), source="keeper", text=text, is_bad=True)
    is_served = picture.knows_workers and not math.isinf(picture.worker_came_at)
    if room is not None and room.humans and not agents and not is_served:
        text = "no worker beats to this registry that takes its jobs and that LiveKit has taken"
        yield FactView(at=None, source="worker", text=text, is_bad=True)


def _listed(
    picture: Picture, agents: Sequence[Judged], date_of: Callable[[float], datetime]
) -> Iterator[FactView]:
    room = picture.room
    assert room is not None  # noqa: S101  # asked by the caller
    n = len(room.humans)

    def date(moment: float | None) -> datetime | None:
        return None if moment is None else date_of(moment)

    if n:
        text = "1 human is there" if n == 1 else f"{n} humans are there"
        yield FactView(at=date(room.human_since), source="livekit", text=text)
    else:
        yield FactView(at=date(room.empty_since), source="livekit", text="no human is there")
    if not agents:
        text = "no agent is on LiveKit's list"
        at = date(room.agentless_since)
        yield FactView(at=at, source="livekit", text=text, is_bad=bool(n))
    for one in agents:
        is_bad = one.state in (State.DEAD, State.DOUBTED)
        text = f"{one.agent.identity} {one.text}"
        yield FactView(at=date_of(one.agent.first_seen_at), source="livekit", text=text, is_bad=is_bad)
