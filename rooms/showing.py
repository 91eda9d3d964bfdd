"""A room as it is shown. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from rooms.judging import Judged, State, judge
from rooms.limits import KeepLimits
from rooms.memory import Memory
from rooms.picture import Picture
from rooms.views import ClosureView, DecisionView, HumanView, RoomAgentView, RoomView


def room_view(
    memory: Memory,
    picture: Picture,
    *,
    now: float,
    limits: KeepLimits,
    date_of: Callable[[float], datetime],
) -> RoomView:
    """A room that LiveKit lists, now.

    Args:
        date_of: The date of a moment.
    """
    room, listed, decision, closure = memory.room, memory.listed, memory.decision, memory.closure
    assert listed is not None  # noqa: S101  # a room that is there
    humans = () if room is None else room.humans
    agents = () if room is None else room.agents
    judged = [judge(agent, picture, now=now, limits=limits) for agent in agents]
    ends = [
        one.session.grace_ends_at
        for one in judged
        if one.session is not None and one.session.grace_ends_at is not None
    ]
    return RoomView(
        name=memory.name,
        sid=memory.sid,
        agent_id=memory.agent_id,
        phase=memory.phase.value,
        phase_since=date_of(max(memory.phase_since, memory.listed_since)),
        since=_livekit_date(listed.created_at),
        grace_ends_at=date_of(max(ends)) if ends and not humans else None,
        humans=tuple(HumanView(identity=one.identity, role=one.role) for one in humans),
        agents=tuple(_agent_view(one) for one in judged),
        last_decision=None
        if decision is None
        else DecisionView(at=date_of(memory.decided_at), action=decision.act.value, why=decision.why),
        trouble=None if decision is None else decision.trouble,
        closed=None
        if closure is None
        else ClosureView(by=closure.by, reason=closure.reason, at=date_of(closure.at)),
        attempts=memory.attempts.n,
    )


def _agent_view(one: Judged) -> RoomAgentView:
    session = one.session
    health = "unknown" if session is None else session.health.value
    return RoomAgentView(
        identity=one.agent.identity,
        agent_id=one.agent.agent_id,
        incarnation=one.agent.incarnation,
        row_id=None if session is None else session.row_id,
        joined_at=_livekit_date(one.agent.joined_at),
        leaving=one.agent.leaving,
        health="foreign" if one.state is State.FOREIGN else health,
    )


def _livekit_date(seconds: float) -> datetime:
    """By LiveKit's clock."""
    return datetime.fromtimestamp(seconds, tz=UTC)
