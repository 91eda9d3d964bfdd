"""Following the agents, in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx
import pytest

from cli.client import Client, Query
from cli.errors import RefusedError, UnreachableError
from cli.following import Lost, News, Snapshot, Update, follow, matches, next_delay
from tests.cli.fakes import FakeRegistry, agent_json, an_agent

pytestmark = pytest.mark.looptime


async def collect(client: Client, told: list[News], query: Query | None = None) -> None:
    async with aclosing(follow(client, query or Query())) as news:
        async for one in news:
            told.append(one)


async def soon() -> None:
    await asyncio.sleep(0.01)


async def test_first_all_and_then_what_changes(registry: FakeRegistry) -> None:
    registry.add(agent_json("ada"), agent_json("bob"))
    told: list[News] = []
    task = asyncio.create_task(collect(registry.client(), told))
    await soon()
    registry.change(agent_json("ada", status="warning"))
    registry.tell("agents", agents=[], removed=["bob"], registry={})
    registry.tell("something new")
    registry.tell("reload")
    await soon()
    task.cancel()
    match told:
        case [Snapshot(total=2), Update(agents=[changed]), Update(removed=("bob",)), Snapshot(total=2)]:
            assert changed.status == "warning"
        case _:
            pytest.fail(str(told))


async def test_the_stream_is_open_before_the_list_is_asked_for(registry: FakeRegistry) -> None:
    told: list[News] = []
    task = asyncio.create_task(collect(registry.client(), told))
    await soon()
    task.cancel()
    assert [path for _, path, _ in registry.requests] == ["/api/events", "/api/agents"]


async def test_a_lost_registry_is_told_and_asked_again_and_again(registry: FakeRegistry) -> None:
    told: list[News] = []
    task = asyncio.create_task(collect(registry.client(), told))
    await soon()
    registry.failure = httpx.ConnectError("refused")
    registry.hang_up()
    await asyncio.sleep(60)
    registry.failure = httpx.Response(503, json={"error": {"code": "database", "message": "wait"}})
    await asyncio.sleep(10)
    registry.failure = None
    await asyncio.sleep(10)
    task.cancel()
    lost = [one for one in told if isinstance(one, Lost)]
    assert [one.retry_after for one in lost[:7]] == [0.5, 1, 2, 4, 8, 10, 10]
    assert isinstance(told[0], Snapshot)
    assert isinstance(told[-1], Snapshot)


async def test_delays_begin_anew_after_it_was_heard(registry: FakeRegistry) -> None:
    told: list[News] = []
    task = asyncio.create_task(collect(registry.client(), told))
    for _ in range(3):
        await asyncio.sleep(1)
        registry.hang_up()
    await soon()
    task.cancel()
    assert [one.retry_after for one in told if isinstance(one, Lost)] == [0.5, 0.5, 0.5]


async def test_a_registry_that_was_never_there_is_an_error(registry: FakeRegistry) -> None:
    registry.failure = httpx.ConnectError("refused")
    with pytest.raises(UnreachableError):
        await collect(registry.client(), [])


async def test_a_token_that_is_wrong_meanwhile_is_an_error(registry: FakeRegistry) -> None:
    task = asyncio.create_task(collect(registry.client(), []))
    await soon()
    registry.token = "another-one"
    registry.hang_up()
    with pytest.raises(RefusedError):
        await task


@pytest.mark.parametrize(("failures", "delay"), [(0, 0.5), (1, 1), (4, 8), (5, 10), (10_000, 10)])
def test_delays(failures: int, delay: float) -> None:
    assert next_delay(failures) == delay


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), True),
        (Query(status="warning,running"), True),
        (Query(status="warning"), False),
        (Query(kind="program"), True),
        (Query(kind="worker"), False),
        (Query(host="this-host"), True),
        (Query(host="this"), False),
        (Query(search="HALL"), True),
        (Query(search="is-host"), True),
        (Query(search="gpt"), True),
        (Query(search="nobody"), False),
        (Query(status="running", search="nobody"), False),
    ],
)
def test_matching(query: Query, *, expected: bool) -> None:
    call = {"room": "great-hall", "phase": "active"}
    assert matches(an_agent("ada", call=call, model="gpt-x"), query) is expected
