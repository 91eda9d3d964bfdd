"""What Prometheus is told of rooms, sessions and processes: read back from the exposition."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import generate_latest

from processes.machine import State
from registry.clock import Clock
from registry.fleet import Fleet
from registry.metrics import (
    METRICS,
    FleetCollector,
    ProcessesCollector,
    RoomsCollector,
    show_stats,
)
from rooms.views import DispatchStats, GraceStats, RecoveryStats, RoomStats
from tests.deploy.exported import (
    PHASES,
    FakeKeeper,
    FakeSupervisor,
    a_fleet,
    everything,
    exported_names,
    exposition,
    keeper_view,
    samples,
    what_was_counted,
)
from tests.registry.beats import a_beat
from wire import CallFacts, Kind, Said

START = datetime(2026, 1, 1, tzinfo=UTC)


def of(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((name, tuple(sorted(labels.items()))))


def test_every_metric_of_the_documentation_is_there() -> None:
    assert exported_names() >= {
        "roomkeeper_agents",
        "roomkeeper_beats_total",
        "roomkeeper_crash_rate",
        "roomkeeper_cut_off",
        "roomkeeper_dispatch_seconds_bucket",
        "roomkeeper_dispatches_total",
        "roomkeeper_grace_total",
        "roomkeeper_keeper_leading",
        "roomkeeper_livekit_reachable",
        "roomkeeper_longest_disconnected_seconds",
        "roomkeeper_minutes_saved",
        "roomkeeper_oldest_agent_seconds",
        "roomkeeper_processes",
        "roomkeeper_recoveries_failed_total",
        "roomkeeper_recoveries_total",
        "roomkeeper_recovery_seconds_bucket",
        "roomkeeper_rooms",
        "roomkeeper_rooms_without_agent",
        "roomkeeper_sessions",
        "roomkeeper_sessions_disconnected",
        "roomkeeper_sessions_ended_total",
        "roomkeeper_webhooks_total",
    }


def test_no_name_is_told_twice() -> None:
    helps = [line.split()[2] for line in everything().splitlines() if line.startswith("# HELP")]
    assert sorted(helps) == sorted(set(helps))


def test_rooms_are_told_by_phase_also_where_there_are_none() -> None:
    keeper = FakeKeeper(counts=what_was_counted(rooms={"active": 3, "grace_period": 1}))
    text = exposition(RoomsCollector(keeper))
    told = {phase: of(text, "roomkeeper_rooms", phase=phase) for phase in PHASES}
    assert told == {"empty": 0, "starting": 0, "active": 3, "grace_period": 1, "closing": 0}


@pytest.mark.parametrize(
    ("values", "name", "labels", "value"),
    [
        pytest.param({"without_agent": 2}, "roomkeeper_rooms_without_agent", {}, 2, id="without-agent"),
        pytest.param({"oldest_agent": 7.5}, "roomkeeper_oldest_agent_seconds", {}, 7.5, id="oldest-agent"),
        pytest.param({"oldest_agent": None}, "roomkeeper_oldest_agent_seconds", {}, 0, id="no-agent"),
        pytest.param({"grace_started": 5}, "roomkeeper_grace_total", {"result": "started"}, 5, id="grace-started"),
        pytest.param({"grace_cancelled": 3}, "roomkeeper_grace_total", {"result": "cancelled"}, 3, id="grace-back"),
        pytest.param({"grace_expired": 2}, "roomkeeper_grace_total", {"result": "expired"}, 2, id="grace-expired"),
        pytest.param({"dispatches": 9}, "roomkeeper_dispatches_total", {"result": "sent"}, 9, id="dispatches-sent"),
        pytest.param(
            {"dispatches_answered": 8}, "roomkeeper_dispatches_total", {"result": "answered"}, 8, id="came"
        ),
        pytest.param({"recoveries": 4}, "roomkeeper_recoveries_total", {}, 4, id="recoveries"),
        pytest.param({"recoveries_failed": 1}, "roomkeeper_recoveries_failed_total", {}, 1, id="recoveries-failed"),
    ],
)  # fmt: skip
def test_what_the_keeper_counted_is_told(
    values: dict[str, Any], name: str, labels: dict[str, str], value: float
) -> None:
    text = exposition(RoomsCollector(FakeKeeper(counts=what_was_counted(**values))))
    assert of(text, name, **labels) == value


@pytest.mark.parametrize(
    ("is_leading", "is_reachable"),
    [(True, True), (True, False), (False, False)],
    ids=["leads", "leads-without-livekit", "stands-by"],
)
def test_the_keeper_tells_of_itself(is_leading: bool, is_reachable: bool) -> None:
    view = keeper_view(is_leading=is_leading, is_reachable=is_reachable)
    text = exposition(RoomsCollector(FakeKeeper(view=view)))
    assert of(text, "roomkeeper_keeper_leading") == is_leading
    assert of(text, "roomkeeper_livekit_reachable") == is_reachable


def test_a_registry_that_keeps_no_rooms_is_not_called_one_without_a_leader() -> None:
    view = keeper_view(is_on=False, is_leading=False, is_reachable=False)
    text = exposition(RoomsCollector(FakeKeeper(view=view)))
    assert of(text, "roomkeeper_keeper_leading") is None
    assert of(text, "roomkeeper_livekit_reachable") is None
    assert of(text, "roomkeeper_rooms", phase="active") == 0


def test_it_reads_anew_each_time_that_it_is_asked() -> None:
    keeper = FakeKeeper()
    collector = RoomsCollector(keeper)
    assert of(exposition(collector), "roomkeeper_rooms_without_agent") == 0
    keeper.counts = what_was_counted(without_agent=1)
    assert of(exposition(collector), "roomkeeper_rooms_without_agent") == 1


def test_processes_are_told_by_state() -> None:
    states = [State.RUNNING, State.RUNNING, State.BACKOFF]
    text = exposition(ProcessesCollector(FakeSupervisor(states)))
    told = {state.value: of(text, "roomkeeper_processes", state=state.value.lower()) for state in State}
    assert told == {"STOPPED": 0, "STARTING": 0, "RUNNING": 2, "BACKOFF": 1, "STOPPING": 0, "EXITED": 0}


@pytest.mark.parametrize("rate", [None, 0.0, 0.25], ids=["none-ended", "none-crashed", "some-crashed"])
def test_the_crash_rate_and_the_minutes_are_those_told_last(rate: float | None) -> None:
    show_stats(_stats(crash_rate=rate, minutes_saved=12.5))
    text = generate_latest(METRICS).decode()
    told = of(text, "roomkeeper_crash_rate")
    assert told is not None
    assert told == rate or (rate is None and math.isnan(told))
    assert of(text, "roomkeeper_minutes_saved") == 12.5


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("roomkeeper_webhooks_total", {"result": "taken"}),
        ("roomkeeper_webhooks_total", {"result": "forged"}),
        ("roomkeeper_sessions_ended_total", {"exit_code": "0"}),
        ("roomkeeper_sessions_ended_total", {"exit_code": "1"}),
        ("roomkeeper_sessions_ended_total", {"exit_code": "lost"}),
    ],
    ids=["taken", "forged", "exit-0", "exit-1", "lost"],
)
def test_the_first_of_its_kind_is_an_increase(name: str, labels: dict[str, str]) -> None:
    assert of(generate_latest(METRICS).decode(), name, **labels) is not None, (
        "it must be there before it happens"
    )


class TestSessions:
    """Agents in calls, by their beats, in virtual time."""

    pytestmark = pytest.mark.looptime

    async def test_only_calls_that_go_on_are_counted(self) -> None:
        fleet = _fleet()
        _beat(fleet, "worker", kind=Kind.WORKER)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call())
        _beat(fleet, "2", kind=Kind.SESSION, call=_call())
        _beat(fleet, "2", kind=Kind.SESSION, status=Said.STOPPED)
        assert of(exposition(FleetCollector(fleet)), "roomkeeper_sessions") == 1

    async def test_it_tells_how_long_the_longest_has_been_without_livekit(self) -> None:
        fleet = _fleet()
        collector = FleetCollector(fleet)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call(is_connected=False))
        assert _disconnected(collector) == (1, 0)
        await asyncio.sleep(10)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call(is_connected=False))
        _beat(fleet, "2", incarnation="two", kind=Kind.SESSION, call=_call(is_connected=False))
        assert _disconnected(collector) == (2, 10)

    async def test_one_that_is_back_begins_anew_the_next_time(self) -> None:
        fleet = _fleet()
        collector = FleetCollector(fleet)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call(is_connected=False))
        _disconnected(collector)
        await asyncio.sleep(10)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call())
        assert _disconnected(collector) == (0, 0)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call(is_connected=False))
        assert _disconnected(collector) == (1, 0)

    async def test_one_that_ended_is_not_without_livekit(self) -> None:
        fleet = _fleet()
        collector = FleetCollector(fleet)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call(is_connected=False))
        _beat(fleet, "1", kind=Kind.SESSION, call=_call(is_connected=False), status=Said.STOPPED)
        assert _disconnected(collector) == (0, 0)

    async def test_a_successor_does_not_inherit_the_time(self) -> None:
        fleet = _fleet()
        collector = FleetCollector(fleet)
        _beat(fleet, "1", kind=Kind.SESSION, call=_call(is_connected=False))
        _disconnected(collector)
        await asyncio.sleep(10)
        _beat(fleet, "1", incarnation="two", kind=Kind.SESSION, call=_call(is_connected=False))
        assert _disconnected(collector)[1] == 0


def _fleet() -> Fleet:
    loop = asyncio.get_running_loop()
    return a_fleet(Clock(monotonic=loop.time, utc=lambda: START + timedelta(seconds=loop.time())))


def _beat(fleet: Fleet, agent_id: str, **fields: Any) -> None:
    fleet.take(a_beat(agent_id, **fields), source="here")


def _call(*, is_connected: bool = True) -> CallFacts:
    return CallFacts(room="agent-1-room", phase="active", is_connected=is_connected)


def _disconnected(collector: FleetCollector) -> tuple[float | None, float | None]:
    text = exposition(collector)
    return (
        of(text, "roomkeeper_sessions_disconnected"),
        of(text, "roomkeeper_longest_disconnected_seconds"),
    )


def _stats(*, crash_rate: float | None, minutes_saved: float) -> RoomStats:
    return RoomStats(
        since=START,
        phases={},
        without_agent=0,
        grace=GraceStats(started=0, cancelled=0, expired=0, average_seconds=None),
        recoveries=RecoveryStats(count=0, failed=0, average_seconds=None),
        dispatches=DispatchStats(sent=0, answered=0, p50_seconds=None, p95_seconds=None),
        sessions=0,
        exit_codes={},
        crash_rate=crash_rate,
        minutes_saved=minutes_saved,
    )
