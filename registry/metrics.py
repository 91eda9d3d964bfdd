"""What Prometheus can ask of the registry.

What happens is counted where it happens, in `METRICS`. What is, is read when Prometheus asks, by the collectors.
"""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from processes.machine import State
from processes.process import Snapshot
from registry.fleet import Fleet
from registry.model_views import STATES, UNTRIED
from registry.records import Status
from rooms.tally import Counts
from rooms.views import KeeperView, RoomStats
from wire import Kind

METRICS = CollectorRegistry()

BEATS = Counter("roomkeeper_beats", "Beats, by what became of them", ["result"], registry=METRICS)

EXPIRY_LAG = Histogram(
    "roomkeeper_expiry_lag_seconds",
    "How late a silent agent was found to be offline",
    buckets=(0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=METRICS,
)

RECOVERY_SECONDS = Histogram(
    "roomkeeper_recovery_seconds",
    "From the moment at which an agent's loss was known until the new one was in its room",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60),
    registry=METRICS,
)

DISPATCH_SECONDS = Histogram(
    "roomkeeper_dispatch_seconds",
    "From asking LiveKit for an agent until it was in its room",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60),
    registry=METRICS,
)

SESSIONS_ENDED = Counter(
    "roomkeeper_sessions_ended",
    "Sessions that ended, by exit code; lost = their process died, unknown = they did not say",
    ["exit_code"],
    registry=METRICS,
)

CRASH_RATE = Gauge(
    "roomkeeper_crash_rate",
    "Share of the sessions of the last 24 hours that ended by an error or were lost; NaN = none ended",
    registry=METRICS,
)

MINUTES_SAVED = Gauge(
    "roomkeeper_minutes_saved",
    "Minutes of the last 24 hours in which rooms stayed empty after their agents had left by themselves",
    registry=METRICS,
)

WEBHOOKS = Counter(
    "roomkeeper_webhooks",
    "LiveKit's webhooks: taken, or forged (their signature was wrong)",
    ["result"],
    registry=METRICS,
)

# There from the start, because a series that begins with 1 has not increased.
for _result in ("taken", "forged"):
    WEBHOOKS.labels(_result)
for _exit_code in ("0", "1", "lost", "unknown"):
    SESSIONS_ENDED.labels(_exit_code)
CRASH_RATE.set(math.nan)


class FleetCollector(Collector):
    """Reads the fleet when Prometheus asks, so that nothing has to be counted twice."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._disconnected: dict[str, float] = {}
        """By incarnation: when it was first seen to be without LiveKit."""

    def collect(self) -> Iterable[Metric]:
        agents = GaugeMetricFamily("roomkeeper_agents", "Agents on the page, by status", labels=["status"])
        for status in Status:
            agents.add_metric([status.value], self._fleet.counts[status])
        yield agents
        yield _gauge(
            "roomkeeper_cut_off",
            "1 while the registry suspects that it is cut off",
            self._fleet.cut_off_at is not None,
        )
        yield from self._sessions()
        yield self._models()

    def _sessions(self) -> Iterable[Metric]:
        now = self._fleet.clock.monotonic()
        n_sessions = 0
        disconnected = {}
        for agent in self._fleet:
            beat = agent.beat
            if beat.kind is not Kind.SESSION or agent.verdict.status.is_over:
                continue
            n_sessions += 1
            if beat.call is not None and not beat.call.is_connected:
                disconnected[beat.incarnation] = self._disconnected.get(beat.incarnation, now)
        self._disconnected = disconnected
        yield _gauge("roomkeeper_sessions", "Agents that are in a call, by their beats", n_sessions)
        yield _gauge(
            "roomkeeper_sessions_disconnected",
            "Agents that say that LiveKit is out of their reach",
            len(disconnected),
        )
        yield _gauge(
            "roomkeeper_longest_disconnected_seconds",
            "How long the agent that has been without LiveKit the longest was seen to be so; 0 = none is",
            max((now - since for since in disconnected.values()), default=0.0),
        )

    def _models(self) -> Metric:
        counts = Tally(
            model.state if model.state in STATES else UNTRIED  # agents' words make no new series
            for agent in self._fleet
            if agent.beat.kind is Kind.WORKER and not agent.verdict.status.is_over
            for model in agent.beat.models
        )
        endpoints = GaugeMetricFamily(
            "roomkeeper_model_endpoints",
            "Servers of language models that workers may use, by state; one that two workers tell of counts twice",
            labels=["state"],
        )
        for state in STATES:
            endpoints.add_metric([state], counts[state])
        return endpoints


class KeptRooms(Protocol):
    """A keeper of rooms, as far as it can be measured. From memory, quick."""

    def state(self) -> KeeperView: ...
    def stats(self) -> Counts: ...


class RoomsCollector(Collector):
    """Reads a keeper of rooms when Prometheus asks."""

    def __init__(self, keeper: KeptRooms) -> None:
        self._keeper = keeper

    def collect(self) -> Iterable[Metric]:
        state = self._keeper.state()
        if state.is_on:  # whoever keeps no rooms needs no leader, and no LiveKit
            yield _gauge(
                "roomkeeper_keeper_leading",
                "1 when this registry is the one that keeps the rooms",
                state.is_leading,
            )
            yield _gauge(
                "roomkeeper_livekit_reachable",
                "1 when LiveKit answers this registry; only the one that leads asks all the time",
                state.is_reachable,
            )
        counts = self._keeper.stats()
        yield from _present(counts)
        yield from _counted(counts)


def _present(counts: Counts) -> Iterable[Metric]:
    rooms = GaugeMetricFamily("roomkeeper_rooms", "Rooms of ours, by phase", labels=["phase"])
    for phase, n_rooms in counts.phases.items():
        rooms.add_metric([phase], n_rooms)
    yield rooms
    yield _gauge(
        "roomkeeper_rooms_without_agent",
        "Rooms in which a human has been without an agent for more than 10 s",
        counts.without_agent,
    )
    yield _gauge(
        "roomkeeper_oldest_agent_seconds",
        "How long the agent that has been in a room the longest is there; 0 = none is",
        counts.oldest_agent or 0.0,
    )


def _counted(counts: Counts) -> Iterable[Metric]:
    yield _counter(
        "roomkeeper_grace",
        "Times that all humans had left a room: started, and cancelled by one who came back, or expired",
        {
            "started": counts.grace_started,
            "cancelled": counts.grace_cancelled,
            "expired": counts.grace_expired,
        },
    )
    yield _counter(
        "roomkeeper_dispatches",
        "Agents that LiveKit was asked for (sent), and those of them that came (answered)",
        {"sent": counts.dispatches, "answered": counts.dispatches_answered},
    )
    yield CounterMetricFamily("roomkeeper_recoveries", "Agents that were brought back", counts.recoveries)
    yield CounterMetricFamily(
        "roomkeeper_recoveries_failed", "Agents that could not be brought back", counts.recoveries_failed
    )


class Supervised(Protocol):
    """Who starts and watches processes, as far as it can be measured."""

    def snapshots(self) -> Sequence[Snapshot]: ...


class ProcessesCollector(Collector):
    """Reads a supervisor of processes when Prometheus asks."""

    def __init__(self, supervisor: Supervised) -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterable[Metric]:
        counts = Tally(process.state for process in self._supervisor.snapshots())
        processes = GaugeMetricFamily(
            "roomkeeper_processes", "Processes that the registry may start, by state", labels=["state"]
        )
        for state in State:
            processes.add_metric([state.value.lower()], counts[state])
        yield processes


def show_stats(stats: RoomStats) -> None:
    """Take over what only the database knows. To be called now and then: Prometheus is shown what was told last."""
    CRASH_RATE.set(math.nan if stats.crash_rate is None else stats.crash_rate)
    MINUTES_SAVED.set(stats.minutes_saved)


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, float(value))


def _counter(name: str, help_text: str, results: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=["result"])
    for result, value in results.items():
        family.add_metric([result], value)
    return family
