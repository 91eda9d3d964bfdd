"""What an agent on LiveKit's list is, from what LiveKit, its beats and its own answers say. Pure."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from rooms.limits import KeepLimits
from rooms.picture import AgentSeen, Answer, Asked, Health, Picture, SessionSeen


class State(enum.Enum):
    """What an agent on the list is."""

    WELL = "well"
    FOREIGN = "foreign"  # of another program: it counts as an agent, and is never touched
    LEAVING = "leaving"
    DEAD = "dead"
    DOUBTED = "doubted"  # it is to be asked how it is
    UNSURE = "unsure"  # it was not in doubt for long enough, or cannot be asked now


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An agent on the list, judged."""

    agent: AgentSeen
    state: State
    text: str
    """Why, in words that go on after its identity."""

    session: SessionSeen | None
    due_at: float = math.inf
    """When the judgement may change although nothing happens; infinite = never."""

    is_guess: bool = False
    """It rests on silence alone."""


_UNSEEN = (Health.STALLED, Health.UNKNOWN)
"""Nobody saw the process end."""


def judge(agent: AgentSeen, picture: Picture, *, now: float, limits: KeepLimits) -> Judged:
    """What `agent` is."""
    session = next((one for one in picture.sessions if one.incarnation == agent.incarnation), None)
    state, text, due_at = _state(agent, session, picture, now, limits)
    is_guess = state is State.DEAD and (session is None or session.health in _UNSEEN or session.is_guess)
    if session is not None and session.health is Health.GONE:
        is_guess = False
    return Judged(agent=agent, state=state, text=text, session=session, due_at=due_at, is_guess=is_guess)


def _state(
    agent: AgentSeen, session: SessionSeen | None, picture: Picture, now: float, limits: KeepLimits
) -> tuple[State, str, float]:
    if agent.incarnation is None:
        return State.FOREIGN, "belongs to another program", math.inf
    if session is not None and session.health is Health.GONE:
        return State.DEAD, f"is dead: {session.cause}", math.inf
    if leaving := agent.leaving or (session.closing if session is not None else None):
        return State.LEAVING, f"leaves ({leaving})", math.inf
    if session is not None and session.health is Health.STOPPED:
        return State.LEAVING, "has said goodbye", math.inf
    if session is not None and session.health is Health.ALIVE:
        return State.WELL, "beats", math.inf
    return _doubt(agent, session, picture, now, limits)


def _doubt(
    agent: AgentSeen, session: SessionSeen | None, picture: Picture, now: float, limits: KeepLimits
) -> tuple[State, str, float]:
    """Of an agent whose beats do not say that it is well."""
    if session is None:
        doubted_at, why = agent.first_seen_at + limits.settling, "does not beat here"
    elif session.health is Health.STALLED:
        doubted_at, why = session.since + limits.stall, session.cause
    else:
        doubted_at, why = session.since, session.cause
    if now < doubted_at:
        return (State.WELL if session is None else State.UNSURE), why, doubted_at
    asked = picture.asked.get(agent.incarnation or "")
    # What it answered before there was a doubt says nothing about now.
    if asked is None or (session is not None and asked.at < session.since):
        return State.DOUBTED, f"{why}, and is asked", math.inf
    match asked.answer:
        case Answer.ANSWERED:
            valid_until = asked.at + limits.health_interval
            if now < valid_until:
                return State.WELL, f"{why}, but answers LiveKit", valid_until
            return State.DOUBTED, f"{why}, and is asked again", math.inf
        case Answer.LEAVING:
            return State.LEAVING, "answers that it leaves", math.inf
        case Answer.SILENT:
            return _silent(asked, session, why, now, limits)
        case Answer.UNKNOWN:
            again_at = asked.at + limits.silent_memory / 2
            if now < again_at:
                return State.UNSURE, f"{why}, and LiveKit could not ask it", again_at
            return State.DOUBTED, f"{why}, and is asked again", math.inf


def _silent(
    asked: Asked, session: SessionSeen | None, why: str, now: float, limits: KeepLimits
) -> tuple[State, str, float]:
    """Of an agent in doubt that did not answer."""
    if session is None or session.health is Health.UNKNOWN:
        # Nothing but its silence speaks against it, and its main loop may be late for once.
        again_at = asked.silent_since + limits.silent_twice
        if now < again_at:
            return State.UNSURE, f"{why}, and did not answer LiveKit once", again_at
        if asked.at < again_at:
            return State.DOUBTED, f"{why}, and is asked once more", math.inf
    if now < asked.at + limits.silent_memory:
        return State.DEAD, f"{why}, and does not answer LiveKit", math.inf
    return State.DOUBTED, f"{why}, and is asked again", math.inf
