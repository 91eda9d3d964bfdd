"""What a registry exports to Prometheus, with a keeper and a supervisor that are not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from processes.machine import State
from processes.process import Snapshot
from registry.admission import Admission
from registry.clock import Clock
from registry.fleet import Fleet
from registry.metrics import METRICS, FleetCollector, ProcessesCollector, RoomsCollector
from registry.status import Limits
from rooms.tally import Counts
from rooms.views import KeeperView
from tests.registry.ledgers import MemoryLedger

PHASES = ("empty", "starting", "active", "grace_period", "closing")

Sample = tuple[str, tuple[tuple[str, str], ...]]
"""Name and labels."""


def keeper_view(*, is_on: bool = True, is_leading: bool = True, is_reachable: bool = True) -> KeeperView:
    return KeeperView(
        is_on=is_on,
        is_leading=is_leading,
        is_led=True,
        is_reachable=is_reachable,
        livekit_url="ws://127.0.0.1:7880",
        trouble=None,
        webhook_seen_at=None,
        forged_webhooks=0,
    )


def what_was_counted(
    *,
    without_agent: int = 0,
    oldest_agent: float | None = None,
    rooms: dict[str, int] | None = None,
    **counts: Any,
) -> Counts:
    """What a keeper tells; `counts` are fields of `Counts`, `rooms` are rooms by phase."""
    return Counts(
        since=0.0,
        phases=dict.fromkeys(PHASES, 0) | (rooms or {}),
        without_agent=without_agent,
        oldest_agent=oldest_agent,
        **counts,
    )


@dataclass
class FakeKeeper:
    view: KeeperView = field(default_factory=keeper_view)
    counts: Counts = field(default_factory=what_was_counted)

    def state(self) -> KeeperView:
        return self.view

    def stats(self) -> Counts:
        return self.counts


@dataclass
class FakeSupervisor:
    states: Sequence[State] = ()

    def snapshots(self) -> list[Snapshot]:
        return [_snapshot(f"p{number}", state) for number, state in enumerate(self.states)]


def _snapshot(process_id: str, state: State) -> Snapshot:
    return Snapshot(
        process_id=process_id,
        name=process_id,
        command="sleep 1",
        state=state,
        is_wanted=True,
        pid=None,
        started_at=None,
        exit_code=None,
        restarts=0,
        retry_at=None,
        trouble=None,
    )


def a_fleet(clock: Clock | None = None) -> Fleet:
    return Fleet(
        limits=Limits(),
        clock=clock or Clock(),
        ledger=MemoryLedger(),
        admission=Admission(1_000),
    )


def exposition(*collectors: Collector) -> str:
    """What Prometheus would read of them."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry).decode()


def samples(text: str) -> dict[Sample, float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def everything() -> str:
    """All metrics of a registry that keeps rooms and runs processes."""
    return generate_latest(METRICS).decode() + exposition(
        FleetCollector(a_fleet()), RoomsCollector(FakeKeeper()), ProcessesCollector(FakeSupervisor())
    )


def exported_names() -> set[str]:
    """Names that a query may use, those of labelled metrics without samples too."""
    names = set()
    for family in text_string_to_metric_families(everything()):
        if family.name.endswith("_created"):
            continue  # prometheus_client's own, of each counter and histogram
        names.add(family.name + "_total" if family.type == "counter" else family.name)
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
    return names


def our_names(text: str) -> set[str]:
    """Names of our metrics in queries or in a text."""
    return set(re.findall(r"\broomkeeper_[a-z_]+\b", text))
