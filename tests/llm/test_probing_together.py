"""Asking several endpoints how they are, each server once at a time; and real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from llm.endpoints import Endpoint, Source
from llm.health import Met, Outcome, State
from llm.transport import Transport
from stack.llm_stub import Behaviour, LlmStub
from stack.until import until
from tests.llm.probing_stage import HERE, THERE, ProbingStage, now, prober_of
from tests.llm.stage import (
    FAR_AWAY,
    answers,
    hangs,
    lists,
    pool_of,
)

virtual = pytest.mark.looptime

# -- one at a time


def deployed(name: str, host: str = THERE) -> Endpoint:
    return Endpoint(base_url=f"http://{host}/v1", source=Source.BACKEND, deploy_id=name, models=("m",))


@virtual
async def test_a_server_is_asked_one_question_at_a_time() -> None:
    stage = ProbingStage(deployed("one"), deployed("two"), deployed("other", "other.example"))
    for member in stage.pool.members():
        stage.fake.lists[member.endpoint.id] = lists("m", after=2)
    await stage.watch(1)
    assert stage.fake.listed == ["far.example/one", "other.example/other"]
    await stage.watch(4)
    assert stage.fake.listed == ["far.example/one", "other.example/other", "far.example/two"]
    assert {stage.state(number) for number in range(3)} == {State.HEALTHY}


@virtual
async def test_while_it_is_asked_no_request_tries_a_broken_one() -> None:
    stage = ProbingStage(HERE)
    stage.fake.lists[HERE] = lists("m", after=2)
    stage.plays(answers())
    stage.breaks()
    await stage.watch(2)
    assert stage.pool.candidates() == []
    await stage.watch(2)
    assert stage.pool.candidates() == [stage.member()]


# -- all, now


@virtual
async def test_all_are_asked_now_and_waited_for(looptime: float) -> None:
    stage = ProbingStage(HERE, THERE)
    stage.breaks(0, Met.MISCONFIGURED)
    stage.plays(answers(first=1))
    await stage.prober.probe_all(limit=5)
    assert (stage.state(0), stage.state(1), looptime) == (State.HEALTHY, State.HEALTHY, 1)


@virtual
async def test_those_of_one_server_are_asked_one_after_another(looptime: float) -> None:
    names = ("one", "two", "three")
    stage = ProbingStage(*map(deployed, names), deployed("other", "other.example"))
    for member in stage.pool.members():
        stage.fake.lists[member.endpoint.id] = lists("m", after=2)
    await stage.prober.probe_all(limit=10)
    assert looptime == 6
    assert stage.fake.listed == [
        "far.example/one", "other.example/other", "far.example/two", "far.example/three"
    ]  # fmt: skip
    assert {stage.state(number) for number in range(4)} == {State.HEALTHY}


@virtual
async def test_whose_turn_does_not_come_in_time_is_asked_later(looptime: float) -> None:
    stage = ProbingStage(deployed("one"), deployed("two"), deployed("three"))
    for member in stage.pool.members():
        stage.fake.lists[member.endpoint.id] = lists("m", after=2)
    await stage.prober.probe_all(limit=3)
    assert (looptime, stage.fake.listed) == (3, ["far.example/one", "far.example/two"])
    await stage.watch(5)
    assert [stage.state(number) for number in range(3)] == [State.HEALTHY] * 3


@virtual
async def test_what_is_asked_already_is_not_asked_again(looptime: float) -> None:
    stage = ProbingStage(deployed("one"), deployed("two"))
    for member in stage.pool.members():
        stage.fake.lists[member.endpoint.id] = lists("m", after=2)
    stage.prober.probe_due()
    await asyncio.sleep(1)
    await stage.prober.probe_all(limit=10)
    assert (looptime, stage.fake.listed) == (4, ["far.example/one", "far.example/two"])


@virtual
async def test_who_wants_to_be_left_alone_is(looptime: float) -> None:
    stage = ProbingStage(HERE, THERE)
    stage.breaks(0, Met.RATE_LIMITED, retry_after=60.0)
    stage.breaks(1)
    stage.pool.take_lease(stage.member(1))
    await stage.prober.probe_all(limit=5)
    assert stage.fake.listed == []
    await asyncio.sleep(60)
    stage.plays(answers())
    await stage.prober.probe_all(limit=5)
    assert stage.state(0) is State.HEALTHY


@virtual
async def test_the_wait_for_all_has_its_limit(looptime: float) -> None:
    stage = ProbingStage(HERE)
    stage.plays(hangs())
    stage.breaks()
    await stage.prober.probe_all(limit=4)
    assert looptime == 4
    assert (stage.state(), stage.fake.n_open) == (State.WARMING, 1), "the probe itself goes on"
    await stage.prober.aclose()


@virtual
async def test_the_end_ends_all_probes_without_blame() -> None:
    stage = ProbingStage(HERE, THERE)
    stage.fake.lists[THERE] = lists("m", after=FAR_AWAY)
    stage.plays(hangs())
    stage.breaks()
    await asyncio.sleep(1)
    stage.prober.probe_due()
    await asyncio.sleep(1)
    await stage.prober.aclose()
    await stage.prober.aclose()
    assert (stage.state(0), stage.state(1)) == (State.FAILING, State.UNKNOWN)
    assert (stage.member().health.leased_until, stage.fake.n_open) == (0, 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# -- a real server


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.aclose()


async def test_a_model_that_loads_is_never_aborted(transport: Transport, first: LlmStub) -> None:
    first.behaviour, first.loading_for = Behaviour.SLOW_LOAD, 0.5
    pool = pool_of(Endpoint(base_url=first.url, source=Source.URL), clock=now)
    only = pool.members()[0]
    prober = prober_of(pool, transport, patience=0.1)
    pool.record(only, Outcome(met=Met.FAILED, reason="gone"))
    await prober.probe_all(limit=0.2)
    await until(lambda: only.health.state is State.WARMING, timeout=20, what="it to be seen loading")
    for _ in range(5):
        prober.probe_due()
    await until(lambda: only.health.state is State.HEALTHY, timeout=20, what="it to have loaded")
    assert (first.aborted, first.n_chats) == (False, 1)
    await prober.aclose()


async def test_a_model_that_says_that_it_loads_is_asked_until_it_has(
    transport: Transport, first: LlmStub
) -> None:
    first.loading_for = 60
    first.behaviour = Behaviour.LOADING
    pool = pool_of(Endpoint(base_url=first.url, source=Source.URL), clock=now)
    prober = prober_of(pool, transport)
    await prober.probe_all(limit=2)
    assert pool.members()[0].health.state is State.WARMING
    first.behaviour = Behaviour.OK
    await prober.probe_all(limit=2)
    assert pool.members()[0].health.state is State.HEALTHY
    await prober.aclose()


@pytest.mark.parametrize("behaviour", [Behaviour.UNAUTHORIZED, Behaviour.HTML])
async def test_what_a_person_has_to_mend_is_told(
    transport: Transport, first: LlmStub, behaviour: Behaviour
) -> None:
    first.behaviour = behaviour
    pool = pool_of(Endpoint(base_url=first.url, source=Source.URL), clock=now)
    prober = prober_of(pool, transport)
    await prober.probe_all(limit=2)
    assert pool.members()[0].health.state is State.MISCONFIGURED
    prober.probe_due()
    assert first.counts.total() == 1
    await prober.aclose()
