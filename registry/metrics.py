"""What Prometheus can ask of the registry."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from registry.fleet import Fleet
from registry.records import Status

METRICS = CollectorRegistry()

BEATS = Counter("roomkeeper_beats", "Beats, by what became of them", ["result"], registry=METRICS)

EXPIRY_LAG = Histogram(
    "roomkeeper_expiry_lag_seconds",
    "How late a silent agent was found to be offline",
    buckets=(0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=METRICS,
)


class FleetCollector(Collector):
    """Reads the fleet when Prometheus asks, so that nothing has to be counted twice."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterable[Metric]:
        agents = GaugeMetricFamily("roomkeeper_agents", "Agents on the page, by status", labels=["status"])
        for status in Status:
            agents.add_metric([status.value], self._fleet.counts[status])
        yield agents
        yield GaugeMetricFamily(
            "roomkeeper_cut_off",
            "1 while the registry suspects that it is cut off",
            float(self._fleet.cut_off_at is not None),
        )
