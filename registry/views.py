"""What is shown of agents and of the registry itself: the JSON of the API, of the events and of the page."""

from __future__ import annotations

from datetime import datetime

import msgspec

from registry.agents import Agent
from registry.clock import Clock
from registry.fleet import Fleet
from registry.model_views import ModelInUse, ModelView, SwitchView, model_in_use, model_view, switch_view
from registry.records import Change, Status


class ReasonView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    points: int
    text: str


class ForcedView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: str
    health: int | None
    by: str
    reason: str
    at: datetime


class ErrorView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    text: str
    at: datetime | None


class GuestView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    identity: str
    role: str


class CallView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room: str
    phase: str
    humans: tuple[GuestView, ...]
    phase_since: datetime
    grace_ends_at: datetime | None
    llm: str | None
    llm_state: str | None


class AgentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent. Moments are UTC by the registry's clock; None = nobody knows."""

    agent_id: str
    name: str
    kind: str
    description: str
    model: str | None
    voice: str | None
    temperature: float | None
    prompt: str | None
    """Only of one agent alone; None in lists."""

    process_id: int | None
    process_started_at: datetime | None
    host: str | None
    port: int | None
    deployment: str
    incarnation: str
    sequence: int
    status: str
    health: int | None
    reasons: tuple[ReasonView, ...]
    note: str | None
    """What the agent says of its status; of a worker, how many calls it has."""

    suspect: bool
    cause: str | None
    forced: ForcedView | None
    last_error: ErrorView | None
    last_activity: datetime | None
    last_heartbeat: datetime
    beat_age: float
    """Seconds since the last beat, now."""

    first_seen: datetime
    status_since: datetime
    cpu: float | None
    rss: int | None
    loop_lag: float | None
    call: CallView | None
    model_in_use: ModelInUse | None
    """None = it does not say how its models are."""

    models: tuple[ModelView, ...]
    """Endpoints that it may use, the preferred one first; empty in events and for tRPC."""

    switches: tuple[SwitchView, ...]
    """How it went from one to another, the newest first; empty in events and for tRPC."""

    has_line: bool


class NoticeView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    level: str
    """`info`, `warning` or `error`."""

    text: str


class RegistryView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The registry itself."""

    started_at: datetime
    uptime: float
    notices: tuple[NoticeView, ...]
    counts: dict[str, int]
    """Agents by status; every status is there."""

    ttl: float
    interval: float
    version: str


class ChangeView(msgspec.Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """A row of the history."""

    id: int | None
    at: datetime
    agentId: str  # noqa: N815  # this struct's renaming is of two names only
    incarnation: str
    before: str | None
    after: str
    health: int | None
    reason: str
    by: str


def agent_view(
    agent: Agent, clock: Clock, *, with_prompt: bool = False, with_models: bool = False
) -> AgentView:
    """One agent, now."""
    beat, verdict, forced = agent.beat, agent.verdict, agent.facts.forced
    heard_at = agent.heard_at(clock)
    return AgentView(
        agent_id=beat.agent_id,
        name=beat.name,
        kind=beat.kind.value,
        description=beat.description,
        model=beat.model,
        voice=beat.voice,
        temperature=beat.temperature,
        prompt=beat.prompt if with_prompt else None,
        process_id=beat.process_id,
        process_started_at=_second(agent.started_at(clock)),
        host=beat.host,
        port=beat.port,
        deployment=beat.deployment.value,
        incarnation=beat.incarnation,
        sequence=beat.sequence,
        status=verdict.status.value,
        health=verdict.health,
        reasons=tuple(ReasonView(points=reason.points, text=reason.text) for reason in verdict.reasons),
        note=beat.reason,
        suspect=verdict.is_suspect,
        cause=verdict.cause,
        forced=None
        if forced is None
        else ForcedView(
            status=forced.status.value,
            health=forced.health,
            by=forced.by,
            reason=forced.reason,
            at=forced.at,
        ),
        last_error=None
        if beat.last_error is None
        else ErrorView(text=beat.last_error, at=_second(agent.error_at(clock))),
        last_activity=_second(agent.active_at(clock)),
        last_heartbeat=heard_at,
        beat_age=round(max(0.0, (clock.utc() - heard_at).total_seconds()), 3),
        first_seen=agent.first_seen_at,
        status_since=agent.status_since,
        cpu=beat.cpu,
        rss=beat.rss,
        loop_lag=beat.loop_lag,
        call=_call_view(agent, heard_at),
        model_in_use=model_in_use(beat),
        models=tuple(model_view(model, heard_at) for model in beat.models) if with_models else (),
        switches=tuple(switch_view(switch, heard_at) for switch in beat.switches) if with_models else (),
        has_line=agent.line is not None,
    )


def _call_view(agent: Agent, heard_at: datetime) -> CallView | None:
    call = agent.beat.call
    if call is None:
        return None
    at = heard_at.timestamp()
    return CallView(
        room=call.room,
        phase=call.phase,
        humans=tuple(GuestView(identity=guest.identity, role=guest.role) for guest in call.humans),
        phase_since=_date(at - call.since, heard_at),
        grace_ends_at=None if call.grace_left is None else _date(at + call.grace_left, heard_at),
        llm=call.llm,
        llm_state=call.llm_state,
    )


def change_view(change: Change) -> ChangeView:
    """One row of the history."""
    return ChangeView(
        id=change.id,
        at=change.at,
        agentId=change.agent_id,
        incarnation=change.incarnation,
        before=None if change.before is None else change.before.value,
        after=change.after.value,
        health=change.health,
        reason=change.reason,
        by=change.by,
    )


def registry_view(fleet: Fleet, *, database_trouble: str | None, version: str) -> RegistryView:
    """The registry, now."""
    clock = fleet.clock
    uptime = clock.monotonic() - fleet.started_at
    return RegistryView(
        started_at=clock.date_of(fleet.started_at),
        uptime=round(uptime, 1),
        notices=_notices(fleet, uptime, database_trouble),
        counts={status.value: fleet.counts[status] for status in Status},
        ttl=fleet.limits.ttl,
        interval=fleet.limits.interval,
        version=version,
    )


AWAY_MEMORY = 60.0
"""Seconds that the page tells of having stood still."""


def _notices(fleet: Fleet, uptime: float, database_trouble: str | None) -> tuple[NoticeView, ...]:
    """What the registry cannot know or do at the moment, in words."""
    notices = []
    if (n_waiting := fleet.n_waiting) > 0:
        text = f"registry restarted {uptime:.0f} s ago: waiting for beats of {_agents(n_waiting)}"
        notices.append(NoticeView(level="info", text=text))
    if fleet.cut_off_at is not None:
        text = (
            "many agents fell silent at once: the registry itself may be cut off. "
            "None of them is called offline; look at the network between it and them"
        )
        notices.append(NoticeView(level="warning", text=text))
    if fleet.away_at is not None and (ago := fleet.clock.monotonic() - fleet.away_at) < AWAY_MEMORY:
        text = f"the registry stood still until {ago:.0f} s ago: agents got that time again"
        notices.append(NoticeView(level="warning", text=text))
    if database_trouble is not None:
        text = f"the database cannot be written, so new agents have to wait: {database_trouble}"
        notices.append(NoticeView(level="error", text=text))
    return tuple(notices)


def _agents(n: int) -> str:
    return "1 agent" if n == 1 else f"{n} agents"


def _second(date: datetime | None) -> datetime | None:
    """Ages are told with each beat, so dates made of them waver by milliseconds; nobody should see that."""
    return None if date is None else date.replace(microsecond=0)


def _date(timestamp: float, like: datetime) -> datetime:
    return datetime.fromtimestamp(round(timestamp), tz=like.tzinfo)
