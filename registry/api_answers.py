"""Answers of the API that are more than one agent."""

from __future__ import annotations

from datetime import datetime

import msgspec
from starlette.responses import Response

from registry.agents import Agent
from registry.clock import Clock
from registry.orders import Sent
from registry.replies import as_json
from registry.views import AgentView, ChangeView, RegistryView


class AgentList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the agents that were asked for."""

    agents: list[AgentView]
    total: int
    """In all parts."""

    limit: int
    offset: int
    registry: RegistryView


class History(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Changes of an agent's status, and what was done to it, the newest first."""

    changes: list[ChangeView]


class LogTail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The last lines of a process's log, the oldest first."""

    lines: list[str]


class OrderGiven(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An order on its way. What became of it stands in the agent's history."""

    id: str
    state: str
    """`sent`, or `queued` for the agent's next beat."""

    message: str


class Removed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The agent has left the page and the database; its history stays."""

    removed: bool


class Pulse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What changes with every beat."""

    beat_age: float
    last_heartbeat: datetime
    last_activity: datetime | None
    cpu: float | None
    rss: int | None
    loop_lag: float | None


class Pulses(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Those of the agents asked for that are on the page."""

    agents: dict[str, Pulse]


def pulse(agent: Agent, clock: Clock) -> Pulse:
    """What an agent's last beat measured."""
    beat, heard_at = agent.beat, agent.heard_at(clock)
    active_at = agent.active_at(clock)
    return Pulse(
        beat_age=round(max(0.0, (clock.utc() - heard_at).total_seconds()), 3),
        last_heartbeat=heard_at,
        last_activity=None if active_at is None else active_at.replace(microsecond=0),
        cpu=beat.cpu,
        rss=beat.rss,
        loop_lag=beat.loop_lag,
    )


def order_given(sent: Sent) -> OrderGiven:
    """In words."""
    if sent.is_on_line:
        return OrderGiven(
            id=sent.id, state="sent", message="sent on its line; its answer will stand in its history"
        )
    return OrderGiven(
        id=sent.id,
        state="queued",
        message="it has no line, so the order rides in the reply to its next beat, if one comes within a minute",
    )


def json_response(value: msgspec.Struct, *, status: int = 200) -> Response:
    """A struct as the answer."""
    return Response(as_json(value), status_code=status, media_type="application/json")
