"""All endpoints of language models that agents tell of, by the agents' hosts. Pure but for the clock.

A worker tells how the endpoints are that its host can reach, and so does a program. A call tells how it finds them
itself, which is shown where it is another story.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import msgspec

from registry.agents import Agent
from registry.clock import Clock
from registry.model_views import UNTRIED, ModelView, SwitchView, before, model_view
from wire import Kind, ModelFacts

MOST_SWITCHES = 50
"""Switches that are shown of all agents."""

_LOOKED_AT = 1_000
"""Switches, the newest ones, that are looked at for those to show: many agents make the same one."""

TOGETHER = 5.0
"""Seconds within which the same switch of several agents of a host is told once."""


class EndpointView(ModelView, frozen=True, kw_only=True, rename="camel"):
    """An endpoint, as some agents of a host find it."""

    told_by: tuple[str, ...]
    """Ids of these agents; workers and programs, or calls that find it otherwise than these do."""

    n_calls: int
    """Calls that would be answered by it now."""


class HostModels(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The endpoints that agents of one host tell of."""

    host: str | None
    """None = they do not say where they run."""

    has_model: bool
    """One of them would answer now."""

    endpoints: tuple[EndpointView, ...]


class FleetSwitch(SwitchView, frozen=True, kw_only=True, rename="camel"):
    """Agents of one host went from one endpoint to another, within some seconds."""

    host: str | None
    agents: tuple[str, ...]


class ModelList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All endpoints by host, and the last switches of all agents, the newest first."""

    hosts: tuple[HostModels, ...]
    """Those without a model first."""

    switches: tuple[FleetSwitch, ...]


def model_list(agents: Iterable[Agent], clock: Clock) -> ModelList:
    """What agents tell of their models. Of those that are over only the switches. Best in a thread."""
    by_host: defaultdict[str | None, list[Agent]] = defaultdict(list)
    told: list[FleetSwitch] = []
    for agent in agents:
        if agent.beat.models and not agent.verdict.status.is_over:
            by_host[agent.beat.host or None].append(agent)
        told += _switches_of(agent, clock)
    hosts = [_host_models(host, there, clock) for host, there in by_host.items()]
    return ModelList(
        hosts=tuple(sorted(hosts, key=lambda one: (one.has_model, one.host is None, one.host or ""))),
        switches=tuple(_merged(heapq.nlargest(_LOOKED_AT, told, key=lambda one: one.at))),
    )


_Key: TypeAlias = tuple[str, str | None, str]
"""Id, model and state of an endpoint: agents that tell the same of it share a row."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """An endpoint in the words of the first one who tells of it."""

    facts: ModelFacts
    heard_at: datetime
    is_current: bool = False
    """For one of those who tell of it."""

    told_by: list[str] = field(default_factory=list)
    n_calls: int = 0

    def view(self) -> EndpointView:
        told = msgspec.structs.asdict(model_view(self.facts, self.heard_at))
        told["is_current"] = self.is_current
        return EndpointView(**told, told_by=tuple(self.told_by), n_calls=self.n_calls)


def _host_models(host: str | None, agents: list[Agent], clock: Clock) -> HostModels:
    agents = sorted(agents, key=lambda one: (one.beat.kind is not Kind.WORKER, one.agent_id))
    rows: dict[_Key, _Row] = {}
    for agent in agents:
        if agent.beat.kind is not Kind.SESSION:
            for facts in agent.beat.models:
                _tell(rows, facts, agent, clock)
    of_host = dict(rows)
    for agent in agents:
        if agent.beat.kind is Kind.SESSION:
            for facts in agent.beat.models:
                row = _as_told(of_host, facts) or _tell(rows, facts, agent, clock)
                row.n_calls += facts.is_current
    endpoints = tuple(row.view() for row in rows.values())
    has_model = any(endpoint.is_current for endpoint in endpoints)
    return HostModels(host=host, has_model=has_model, endpoints=endpoints)


def _key(facts: ModelFacts) -> _Key:
    return facts.id, facts.model, facts.state


def _tell(rows: dict[_Key, _Row], facts: ModelFacts, agent: Agent, clock: Clock) -> _Row:
    """Take down what an agent says of an endpoint."""
    row = rows.get(_key(facts))
    if row is None:
        row = rows[_key(facts)] = _Row(facts=facts, heard_at=agent.heard_at(clock))
    row.is_current |= facts.is_current
    if agent.agent_id not in row.told_by[-1:]:  # it may name an endpoint twice
        row.told_by.append(agent.agent_id)
    return row


def _as_told(of_host: dict[_Key, _Row], facts: ModelFacts) -> _Row | None:
    """What workers and programs say of a call's endpoint; None = they do not know it, or find it otherwise.

    A call that has not asked it anything yet does not contradict them.
    """
    row = of_host.get(_key(facts))
    if row is None and facts.state == UNTRIED:
        return next((row for key, row in of_host.items() if key[:2] == (facts.id, facts.model)), None)
    return row


def _switches_of(agent: Agent, clock: Clock) -> Iterator[FleetSwitch]:
    if not agent.beat.switches:
        return
    heard_at, host = agent.heard_at(clock), agent.beat.host or None
    for switch in agent.beat.switches:
        yield FleetSwitch(
            at=before(heard_at, switch.age),
            source=switch.source,
            target=switch.target,
            reason=switch.reason,
            host=host,
            agents=(agent.agent_id,),
        )


def _merged(told: Iterable[FleetSwitch]) -> list[FleetSwitch]:
    """The newest switches, those that several agents of a host made together as one. `told`: the newest first."""
    found: list[FleetSwitch] = []
    places: dict[tuple[str | None, ...], int] = {}
    for switch in told:
        what = (switch.host, switch.source, switch.target, switch.reason)
        place = places.get(what)
        if place is not None and _is_together(found[place], switch):
            found[place] = msgspec.structs.replace(found[place], agents=found[place].agents + switch.agents)
        elif len(found) == MOST_SWITCHES:
            break
        else:
            places[what] = len(found)
            found.append(switch)
    return found


def _is_together(newest: FleetSwitch, switch: FleetSwitch) -> bool:
    is_near = (newest.at - switch.at).total_seconds() <= TOGETHER
    return is_near and switch.agents[0] not in newest.agents  # who goes to and fro does so each time anew
