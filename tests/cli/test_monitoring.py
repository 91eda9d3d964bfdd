"""The monitor, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from cli.client import Client
from cli.errors import RefusedError
from cli.monitoring import Monitor, run
from cli.processes import Presence, Sight
from tests.cli.fakes import HOST, FakeRegistry, agent_json

pytestmark = pytest.mark.looptime

THERE = Sight(presence=Presence.THERE, age=5_000.0)
GONE = Sight(presence=Presence.GONE)


class Host:
    """Processes of a machine: all are there, but those that are gone."""

    def __init__(self) -> None:
        self.gone: set[int] = set()
        self.n_looks = 0

    def look(self, pid: int) -> Sight:
        self.n_looks += 1
        return GONE if pid in self.gone else THERE


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def client(registry: FakeRegistry) -> Client:
    return registry.client()


@pytest.fixture
def monitor(client: Client, host: Host) -> Monitor:
    return Monitor(client, HOST, host.look, inactive_after=900.0, by="ann (monitor)")


@pytest.fixture(autouse=True)
def _log_of_monitor(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="cli.monitoring")


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "action", "") for record in caplog.records if record.name == "cli.monitoring"]


@contextmanager
def running(monitor: Monitor, *, interval: float = 60.0) -> Iterator[asyncio.Task[None]]:
    task = asyncio.create_task(run(monitor, interval=interval))
    try:
        yield task
    finally:
        task.cancel()


def evidence(registry: FakeRegistry) -> list[tuple[str, str]]:
    return [(path, body["evidence"]) for _, path, body in registry.requests if path.endswith("/evidence")]


async def test_it_looks_at_once_and_then_each_minute(
    registry: FakeRegistry, monitor: Monitor, host: Host
) -> None:
    registry.add(agent_json("ada"))
    with running(monitor):
        await asyncio.sleep(0.1)
        assert host.n_looks == 1
        await asyncio.sleep(59.8)
        assert host.n_looks == 1
        await asyncio.sleep(0.2)
        assert host.n_looks == 2
        await asyncio.sleep(600)
        assert host.n_looks == 12


async def test_other_hosts_are_none_of_its_business(
    registry: FakeRegistry, monitor: Monitor, host: Host
) -> None:
    registry.add(agent_json("ada", host="elsewhere"))
    host.gone.add(4711)
    await monitor.check()
    assert (host.n_looks, evidence(registry)) == (0, [])


async def test_a_process_that_is_gone_is_told_once(
    registry: FakeRegistry, monitor: Monitor, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    registry.add(agent_json("ada"), agent_json("bob", processId=12))
    with running(monitor):
        await asyncio.sleep(90)
        host.gone.add(12)
        await asyncio.sleep(600)
    assert evidence(registry) == [("/api/agents/bob/evidence", "process_gone")]
    body = next(body for _, path, body in registry.requests if path.endswith("/evidence"))
    assert body == {
        "incarnation": "bob-1",
        "evidence": "process_gone",
        "reason": "process 12 is gone",
        "by": "ann (monitor)",
    }
    assert actions(caplog) == ["monitor.process_gone"]


async def test_an_agent_that_speaks_after_it_was_told_gone_is_left_alone(
    registry: FakeRegistry, monitor: Monitor, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    registry.add(agent_json("ada"))
    host.gone.add(4711)
    with running(monitor):
        for _ in range(5):
            await asyncio.sleep(60)
            registry.add(agent_json("ada"))  # a beat came
    assert len(evidence(registry)) == 1
    assert actions(caplog) == ["monitor.process_gone", "monitor.left_alone"]


async def test_another_life_of_that_agent_is_looked_at_anew(
    registry: FakeRegistry, monitor: Monitor, host: Host
) -> None:
    host.gone.add(4711)
    for incarnation in ("one", "one", "two"):
        registry.add(agent_json("ada", incarnation=incarnation))
        await monitor.check()
    assert len(evidence(registry)) == 2


async def test_an_inactive_agent_is_told_once_for_each_inactivity(
    registry: FakeRegistry, monitor: Monitor
) -> None:
    for age in (900.0, 960.0, 1_020.0, 1.0, 899.0, 900.0):
        registry.add(agent_json("ada", beatAge=age))
        await monitor.check()
    assert evidence(registry) == [("/api/agents/ada/evidence", "inactive")] * 2


async def test_a_registry_that_started_anew_is_told_again(registry: FakeRegistry, monitor: Monitor) -> None:
    registry.add(agent_json("ada", beatAge=900.0))
    await monitor.check()
    await monitor.check()
    registry.started_at = "2026-01-03T00:00:00Z"
    registry.add(agent_json("ada", beatAge=900.0))
    await monitor.check()
    assert len(evidence(registry)) == 2


async def test_nobody_is_called_inactive_unless_wanted(
    registry: FakeRegistry, client: Client, host: Host
) -> None:
    registry.add(agent_json("ada", beatAge=4_000.0))
    await Monitor(client, HOST, host.look, inactive_after=None, by="x").check()
    assert evidence(registry) == []


async def test_a_registry_that_is_away_costs_two_lines(
    registry: FakeRegistry, monitor: Monitor, caplog: pytest.LogCaptureFixture, host: Host
) -> None:
    registry.add(agent_json("ada"))
    registry.failure = httpx.ConnectError("refused")
    with running(monitor):
        await asyncio.sleep(300)
        registry.failure = httpx.Response(503, json={"error": {"code": "database", "message": "wait"}})
        await asyncio.sleep(300)
        registry.failure = None
        await asyncio.sleep(300)
    assert actions(caplog) == ["monitor.lost", "monitor.found"]
    assert caplog.records[-1].__dict__["seconds"] == 600
    assert host.n_looks == 5


async def test_a_registry_that_hangs_delays_nothing_for_good(
    registry: FakeRegistry, monitor: Monitor
) -> None:
    registry.hangs = True
    with running(monitor) as task:
        await asyncio.sleep(10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_wrong_token_ends_it_at_the_start_and_not_later(
    registry: FakeRegistry, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    registry.token = "the-right-one"
    with pytest.raises(RefusedError):
        await run(monitor, interval=60)
    registry.token = None
    with running(monitor) as task:
        await asyncio.sleep(1)
        registry.token = "changed-meanwhile"
        await asyncio.sleep(300)
        assert not task.done()
    assert actions(caplog) == ["monitor.lost"]


async def test_a_refusal_is_logged_and_the_others_are_told(
    registry: FakeRegistry, monitor: Monitor, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    registry.add(agent_json("ada", processId=1), agent_json("bob", processId=2))
    host.gone |= {1, 2}
    registry.refused_evidence = "ada"
    await monitor.check()
    assert [path for path, _ in evidence(registry)] == [
        "/api/agents/ada/evidence",
        "/api/agents/bob/evidence",
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert registry.agents["bob"]["status"] == "offline"
