"""What open lines cost the registry: processor time and memory, while each agent beats every ten seconds."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import harness
from bench.registry.beside import beside
from bench.registry.cores import pin_myself
from bench.registry.load import Load, build
from bench.registry.options import parser
from bench.registry.server import Registry

_INTERVAL = 10.0
_SETTLE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    agents: int
    cpu_percent: float
    rss_mb: float
    """More than before the first of them."""


async def steady(binary: Path, arguments: argparse.Namespace, *, kind: str, agents: int) -> Cost:
    """A fresh registry with so many agents, each with a connection of its own."""
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        async with Registry(Path(root), arguments.command) as registry:
            rss = registry.rss_mb()
            load = Load(binary, registry.target, kind=kind, connections=agents)
            seconds = _INTERVAL + 2 * _SETTLE + arguments.seconds
            async with beside(load.open(agents, rate=agents / _INTERVAL, seconds=seconds), name="load"):
                await asyncio.sleep(
                    _INTERVAL + _SETTLE
                )  # the first round opens connections and brings agents
                before = registry.moment()
                await asyncio.sleep(arguments.seconds)
                percent = registry.moment().percent_since(before)
            return Cost(agents=agents, cpu_percent=percent, rss_mb=registry.rss_mb() - rss)


async def cpu_us(binary: Path, arguments: argparse.Namespace, *, kind: str) -> tuple[float, float]:
    """Processor time of one beat in microseconds, and beats per second, when 64 connections hurry."""
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        async with Registry(Path(root), arguments.command) as registry:
            load = Load(binary, registry.target, kind=kind)
            await load.closed(64, seconds=1)
            before = registry.moment()
            summary = await load.closed(64, seconds=arguments.seconds)
            return 1e6 * (registry.moment().cpu - before.cpu) / summary.requests, summary.rate


async def measure(arguments: argparse.Namespace) -> harness.Report:
    pin_myself()
    binary = await build()
    names = {"lines": "on lines", "beats": "by POST"}
    rows, raw = [], {}
    for kind, name in names.items():
        us, rate = await cpu_us(binary, arguments, kind=kind)
        costs = [
            await steady(binary, arguments, kind=kind, agents=n) for n in (arguments.few, arguments.many)
        ]
        harness.say(f"{name}: measured")
        raw[name] = {"cpu_us": us, "rate": rate, "steady": [asdict(cost) for cost in costs]}
        rows.append(
            (
                name,
                f"{rate:,.0f}",
                f"{us:.1f}",
                *(f"{cost.cpu_percent:.1f}" for cost in costs),
                f"{1024 * (costs[1].rss_mb - costs[0].rss_mb) / (arguments.many - arguments.few):.1f}",
            )
        )
    columns = ["beats", "per s at most", "CPU µs each"]
    columns += [f"{n:,} agents, CPU %" for n in (arguments.few, arguments.many)]
    return harness.Report(
        title="Beats on lines, against beats by POST",
        columns=[*columns, "memory, KB an agent"],
        rows=rows,
        raw=raw,
        notes=[
            f"At most: 64 connections, {arguments.seconds:g} s. Agents: each with its own connection, a beat every "
            f"{_INTERVAL:g} s, {arguments.seconds:g} s; a line is pinged besides.",
        ],
    )


if __name__ == "__main__":
    options = parser(
        __doc__, quick={"seconds": 5.0, "few": 200, "many": 1_000}, seconds=15.0, few=1_000, many=5_000
    )
    sys.exit(harness.main(options, measure, limit=900))
