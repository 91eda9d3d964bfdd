"""Endpoints by host, and the last switches of all agents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from registry.agents import Agent
from registry.model_list import MOST_SWITCHES, TOGETHER, ModelList, model_list
from tests.registry.virtual_fleet import START, Play, play
from wire import Kind, ModelFacts, Said, SwitchFacts

pytestmark = pytest.mark.looptime(start=0)

OLLAMA = ModelFacts(id="ollama", model="llama", state="healthy", is_current=True)
CLOUD = ModelFacts(id="cloud", model="gpt", state="healthy")


def changed(model: ModelFacts, **fields: Any) -> ModelFacts:
    return msgspec.structs.replace(model, **fields)


def told(p: Play) -> ModelList:
    return model_list(list(p.fleet), p.clock)


def worker(p: Play, agent_id: str, *models: ModelFacts, host: str | None = "north", **fields: Any) -> Agent:
    return p.beat(agent_id, kind=Kind.WORKER, host=host, models=models, **fields)


def session(p: Play, agent_id: str, *models: ModelFacts, host: str | None = "north", **fields: Any) -> Agent:
    return p.beat(agent_id, kind=Kind.SESSION, host=host, models=models, **fields)


def rows(found: ModelList) -> list[tuple[str, str, tuple[str, ...], int]]:
    """Id and state of endpoints of the first host, who tells of them, and how many calls are on them."""
    return [(one.id, one.state, one.told_by, one.n_calls) for one in found.hosts[0].endpoints]


async def test_nobody_tells_anything() -> None:
    async with play() as p:
        p.beat("1")
        assert told(p) == ModelList(hosts=(), switches=())


async def test_endpoints_stand_in_the_order_of_the_worker() -> None:
    async with play() as p:
        worker(p, "w", CLOUD, OLLAMA)
        (host,) = told(p).hosts
        assert (host.host, host.has_model) == ("north", True)
        assert [one.id for one in host.endpoints] == ["cloud", "ollama"]
        assert [one.is_current for one in host.endpoints] == [False, True]


async def test_hosts_without_a_model_come_first_and_those_without_a_name_last() -> None:
    async with play() as p:
        worker(p, "1", OLLAMA, host="north")
        worker(p, "2", changed(OLLAMA, is_current=False), host="south")
        worker(p, "3", OLLAMA, host=None)
        worker(p, "4", OLLAMA, host="east")
        found = [(one.host, one.has_model) for one in told(p).hosts]
        assert found == [("south", False), ("east", True), ("north", True), (None, True)]


async def test_workers_and_programs_of_a_host_share_rows_where_they_agree() -> None:
    async with play() as p:
        p.beat("a-service", host="north", models=(OLLAMA,))
        worker(p, "w1", CLOUD, OLLAMA)
        worker(p, "w2", changed(CLOUD, state="failing", is_current=True))
        assert rows(told(p)) == [
            ("cloud", "healthy", ("w1",), 0),
            ("ollama", "healthy", ("w1", "a-service"), 0),
            ("cloud", "failing", ("w2",), 0),
        ]


async def test_calls_are_counted_and_told_only_where_they_find_it_otherwise() -> None:
    async with play() as p:
        worker(p, "w", OLLAMA, CLOUD)
        session(p, "same", OLLAMA, CLOUD)
        session(
            p, "untried", changed(OLLAMA, state="unknown", is_current=True), changed(CLOUD, state="unknown")
        )
        for agent_id in ("other-1", "other-2"):
            session(
                p,
                agent_id,
                changed(OLLAMA, state="failing", is_current=False),
                changed(CLOUD, is_current=True),
            )
        session(p, "own", ModelFacts(id="proxy", state="unknown", is_current=True))
        assert rows(told(p)) == [
            ("ollama", "healthy", ("w",), 2),
            ("cloud", "healthy", ("w",), 2),
            ("ollama", "failing", ("other-1", "other-2"), 0),
            ("proxy", "unknown", ("own",), 1),
        ]


async def test_a_call_counts_for_its_own_host_only() -> None:
    async with play() as p:
        worker(p, "w", OLLAMA)
        session(p, "s", changed(OLLAMA, state="busy"), host="south")
        found = told(p)
        assert [one.host for one in found.hosts] == ["north", "south"]
        assert rows(found) == [("ollama", "healthy", ("w",), 0)]


async def test_agents_that_are_over_tell_of_their_switches_only() -> None:
    async with play() as p:
        worker(p, "w", OLLAMA, status=Said.STOPPED, switches=(SwitchFacts(source="a", target="b"),))
        found = told(p)
        assert found.hosts == ()
        assert [(one.source, one.target, one.agents) for one in found.switches] == [("a", "b", ("w",))]


async def test_switches_stand_newest_first() -> None:
    async with play() as p:
        worker(p, "w", switches=(SwitchFacts(age=10, target="b"), SwitchFacts(age=60, target="a")))
        session(p, "s", switches=(SwitchFacts(age=30, source="b", reason="slow"),), host="south")
        found = [(one.at, one.target, one.host, one.reason) for one in told(p).switches]
        assert found == [
            (START - timedelta(seconds=10), "b", "north", ""),
            (START - timedelta(seconds=30), None, "south", "slow"),
            (START - timedelta(seconds=60), "a", "north", ""),
        ]


async def test_the_same_switch_of_several_agents_of_a_host_is_told_once() -> None:
    async with play() as p:
        for number, age in enumerate((10, 10 + TOGETHER, 11 + TOGETHER)):
            session(p, f"s{number}", switches=(SwitchFacts(age=age, source="a", target="b", reason="slow"),))
        session(
            p, "far", switches=(SwitchFacts(age=10, source="a", target="b", reason="slow"),), host="south"
        )
        session(p, "why", switches=(SwitchFacts(age=10, source="a", target="b", reason="refused"),))
        assert sorted(one.agents for one in told(p).switches) == [("far",), ("s0", "s1"), ("s2",), ("why",)]


async def test_one_agent_that_goes_to_and_fro_is_told_each_time() -> None:
    async with play() as p:
        ages = (1, 2, 3)
        worker(p, "w", switches=tuple(SwitchFacts(age=age, source="a", target="b") for age in ages))
        assert [one.agents for one in told(p).switches] == [("w",)] * 3


async def test_only_the_newest_switches_are_told() -> None:
    async with play() as p:
        for number in range(MOST_SWITCHES + 1):
            worker(p, f"w{number}", switches=(SwitchFacts(age=10 * number, target=f"m{number}"),))
        found = [one.target for one in told(p).switches]
        assert found == [f"m{number}" for number in range(MOST_SWITCHES)]
