"""What open pages cost the registry: many readers of its stream of changes, and one that stops reading."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import harness
from bench.registry.beside import beside
from bench.registry.cores import pin_myself
from bench.registry.load import Load, build
from bench.registry.options import parser
from bench.registry.server import Registry

_SETTLE = 2.0
"""Seconds until all readers have been greeted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Some seconds of steady changes with some readers."""

    cpu_percent: float
    others_percent: float
    """Of the server's core, by other processes."""

    rss_before_mb: float
    rss_after_mb: float
    p99_ms: float
    """Of the beats that bring the changes."""

    changes: int
    """That reached a reader, all readers together."""

    events: int
    megabytes: float

    @property
    def growth_mb(self) -> float:
        return self.rss_after_mb - self.rss_before_mb


async def one_phase(
    registry: Registry, load: Load, arguments: argparse.Namespace, *, readers: int, stalled: int = 0
) -> Phase:
    """Changes for some seconds, as seen by `readers`, of which `stalled` stop reading."""
    seconds, got = arguments.seconds + 2 * _SETTLE, None
    async with AsyncExitStack() as undo:
        beating = await undo.enter_async_context(
            beside(
                load.open(arguments.agents, rate=arguments.rate, seconds=seconds, changed=1), name="changes"
            )
        )
        if readers:
            got = await undo.enter_async_context(
                beside(load.read(readers, seconds=seconds, stalled=stalled), name="readers")
            )
        await asyncio.sleep(_SETTLE)
        rss, before = registry.rss_mb(), registry.moment()
        await asyncio.sleep(arguments.seconds)
        after, rss_after = registry.moment(), registry.rss_mb()
    seen = None if got is None else got.result()
    return Phase(
        cpu_percent=after.percent_since(before),
        others_percent=after.others_since(before),
        rss_before_mb=rss,
        rss_after_mb=rss_after,
        p99_ms=beating.result().p99_ms,
        changes=seen.agents if seen else 0,
        events=sum(seen.events.values()) if seen else 0,
        megabytes=seen.bytes / 1e6 if seen else 0.0,
    )


async def measure(arguments: argparse.Namespace) -> harness.Report:
    pin_myself()
    binary = await build()
    kinds = {
        "no reader": {"readers": 0},
        f"{arguments.readers} readers": {"readers": arguments.readers},
        "one reader that has stopped reading": {"readers": 1, "stalled": 1},
    }
    phases: dict[str, list[Phase]] = {}
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        async with Registry(Path(root), arguments.command) as registry:
            load = Load(binary, registry.target)
            await load.register(arguments.agents)
            await one_phase(registry, load, arguments, readers=1)  # warm, and the memory where it stays
            for number in range(1, arguments.rounds + 1):
                for name, kind in kinds.items():
                    phase = await one_phase(registry, load, arguments, **kind)
                    phases.setdefault(name, []).append(phase)
                    harness.say(
                        f"round {number}: {name}: {phase.cpu_percent:.1f} %, {phase.growth_mb:+.1f} MB"
                    )
    none, many = (cpu(phases[name]) for name in list(kinds)[:2])
    seen = phases[list(kinds)[1]]
    others = max(phase.others_percent for each in phases.values() for phase in each)
    return harness.Report(
        title=f"Pages open while {arguments.rate:,.0f} agents a second change",
        columns=("pages", "CPU, % of a core", "beats' p99 ms", "memory, median growth MB", "max growth MB"),
        rows=[row(name, each) for name, each in phases.items()],
        raw={name: [asdict(phase) for phase in each] for name, each in phases.items()},
        notes=[
            f"{arguments.rounds} rounds of {arguments.seconds:g} s, alternating, {arguments.agents:,} agents; medians.",
            f"{arguments.readers} readers cost {many - none:+.1f} % of a core. They got "
            f"{sum(phase.changes for phase in seen):,} agents in {sum(phase.events for phase in seen):,} events, "
            f"{sum(phase.megabytes for phase in seen):,.0f} MB.",
            f"Other processes used at most {others:.0f} % of the server's core.",
        ],
    )


def cpu(each: list[Phase]) -> float:
    return harness.median([phase.cpu_percent for phase in each])


def row(name: str, each: list[Phase]) -> tuple[str, ...]:
    growth = [phase.growth_mb for phase in each]
    p99 = harness.median([phase.p99_ms for phase in each])
    return (name, f"{cpu(each):.1f}", f"{p99:.2f}", f"{harness.median(growth):+.1f}", f"{max(growth):+.1f}")


if __name__ == "__main__":
    options = parser(
        __doc__,
        quick={"seconds": 4.0, "rounds": 1},
        seconds=15.0,
        rounds=3,
        agents=5_000,
        rate=1_000.0,
        readers=100,
    )
    sys.exit(harness.main(options, measure, limit=900))
