"""Filtering and ordering, without a registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.agents import Agent
from registry.records import Status
from registry.selection import Sort, Wanted, select
from registry.status import Facts, Limits, judge
from tests.registry.beats import a_beat
from wire import CallFacts, Deployment, Kind, Said

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def agent(
    agent_id: str, *, heard_at: float = 0.0, restored_at: datetime | None = None, **fields: Any
) -> Agent:
    facts = Facts(beat=a_beat(agent_id, **fields), heard_at=heard_at, is_restored=restored_at is not None)
    return Agent(
        facts=facts,
        verdict=judge(facts, now=heard_at, limits=Limits()),
        first_seen_at=NOW,
        status_since=NOW,
        updated_at=NOW,
        restored_at=restored_at,
    )


FLEET = [
    agent("w2", name="Zoë", kind=Kind.WORKER, host="alpha", heard_at=5.0),
    agent("s1", name="ada", kind=Kind.SESSION, call=CallFacts(room="Lobby", phase="active"), heard_at=9.0),
    agent("w1", name="Bob", model="GPT-4o", status=Said.ERROR, heard_at=1.0),
    agent("c1", description="Books TABLES", deployment=Deployment.CLOUD, heard_at=2.0),
    agent("u1", name="Eve", restored_at=NOW, heard_at=3.0),
    agent("u2", name="Eve", restored_at=NOW + timedelta(seconds=1), heard_at=3.0),
]


def ids(wanted: Wanted, sort: Sort = "agentId", limit: int = 50, offset: int = 0) -> list[str]:
    agents, _ = select(FLEET, wanted, sort=sort, limit=limit, offset=offset)
    return [each.agent_id for each in agents]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(Wanted(), ["c1", "s1", "u1", "u2", "w1", "w2"], id="everything"),
        pytest.param(Wanted(statuses=frozenset({Status.ERROR})), ["w1"], id="a status"),
        pytest.param(
            Wanted(statuses=frozenset({Status.ERROR, Status.UNKNOWN})), ["u1", "u2", "w1"], id="two statuses"
        ),
        pytest.param(Wanted(kind=Kind.WORKER), ["w2"], id="a kind"),
        pytest.param(Wanted(deployment=Deployment.CLOUD), ["c1"], id="a deployment"),
        pytest.param(Wanted(host="alpha"), ["w2"], id="a host"),
        pytest.param(Wanted(host="alph"), [], id="not part of a host"),
        pytest.param(Wanted(room="Lobby"), ["s1"], id="a room"),
        pytest.param(Wanted(search="W"), ["w1", "w2"], id="part of an id"),
        pytest.param(Wanted(search="ZOË"), ["w2"], id="a name, in any case"),
        pytest.param(Wanted(search="lob"), ["s1"], id="part of a room"),
        pytest.param(Wanted(search="ALPHA"), ["w2"], id="part of a host"),
        pytest.param(Wanted(search="tables"), ["c1"], id="part of a description"),
        pytest.param(Wanted(search="gpt"), ["w1"], id="part of a model"),
        pytest.param(Wanted(search="%"), [], id="no pattern"),
        pytest.param(Wanted(search="e", kind=Kind.WORKER), [], id="both have to be"),
    ],
)
def test_agents_are_found(wanted: Wanted, found: list[str]) -> None:
    assert ids(wanted) == found


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        pytest.param("agentId", ["c1", "s1", "u1", "u2", "w1", "w2"], id="by id"),
        pytest.param("name", ["s1", "w1", "c1", "u1", "u2", "w2"], id="by name, or by id without one"),
        pytest.param("lastHeartbeat", ["s1", "w2", "c1", "w1", "u2", "u1"], id="heard last first"),
        pytest.param("status", ["w1", "u1", "u2", "s1", "c1", "w2"], id="worst first"),
    ],
)
def test_agents_are_ordered(sort: Sort, found: list[str]) -> None:
    assert ids(Wanted(), sort) == found


def test_a_part_is_the_same_part_of_the_whole() -> None:
    many = [agent(f"{number * 37 % 1000:03}") for number in range(1000)]
    for offset in (0, 7, 50, 980, 1000, 5000):
        part, total = select(many, Wanted(), sort="agentId", limit=40, offset=offset)
        assert [each.agent_id for each in part] == [f"{n:03}" for n in range(offset, min(1000, offset + 40))]
        assert total == 1000
