"""What the sender costs its process: memory, processor time, and delays of the main loop under bad registries."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import psutil

from bench import harness
from bench.registry.bad_registries import KINDS, bad_registry
from bench.registry.cores import Moment, on_server_core, pin_myself
from bench.registry.member import Lateness, command
from bench.registry.options import parser
from bench.registry.server import Registry
from stack.children import Child

_IMPORTS = ("bench.plain_agent",)
"""What a plain job's process has imported: LiveKit's SDK, its agents and the plugins."""

_READY_TIMEOUT = 60.0
_GOOD = "the real one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One process over some seconds."""

    pss_mb: float
    cpu_percent: float
    lateness: Lateness


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A process with the sender and one without it, at the same time on the same core."""

    with_sender: Cost
    without: Cost
    n_connections: int | None = None
    """That the sender made; None = not counted."""


@asynccontextmanager
async def member(folder: Path, name: str, *, url: str | None) -> AsyncIterator[Child]:
    """A process that is up; with a sender when there is a `url`."""
    child = Child(
        on_server_core(
            command(url=url or "", agent_id=name, without_sender=url is None, importing=_IMPORTS),
        ),
        name=name,
        log=folder / f"{name}.log",
        env={"ROOMKEEPER_HOME": str(folder), "REGISTRY_TOKEN": ""},
    )
    async with child:
        await child.ready(lambda: "up" in child.log_text().split(), timeout=_READY_TIMEOUT)
        yield child


async def one_pair(folder: Path, url: str, arguments: argparse.Namespace) -> Pair:
    async with member(folder, "with", url=url) as one, member(folder, "without", url=None) as other:
        await asyncio.sleep(arguments.settle)
        children = (one, other)
        before = [Moment.of(child.pid) for child in children]
        await asyncio.sleep(arguments.seconds)
        percents = [
            Moment.of(child.pid).percent_since(start) for child, start in zip(children, before, strict=True)
        ]
        # At the same moment: what both share is shared out evenly.
        pss = [harness.pss_mb(psutil.Process(child.pid)) for child in children]
        for child in children:
            await child.stop()
        costs = [
            Cost(pss_mb=mb, cpu_percent=percent, lateness=lateness_of(child))
            for child, mb, percent in zip(children, pss, percents, strict=True)
        ]
    return Pair(with_sender=costs[0], without=costs[1])


def lateness_of(child: Child) -> Lateness:
    last = [line for line in child.log_text().splitlines() if line.startswith("{")][-1]
    return msgspec.json.decode(last, type=Lateness)


async def measure(arguments: argparse.Namespace) -> harness.Report:
    pin_myself()
    pairs: dict[str, Pair] = {}
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        folder = Path(root)
        async with Registry(folder, arguments.command) as registry:
            pairs[_GOOD] = await one_pair(folder, registry.url, arguments)
        for kind in KINDS:
            harness.say(f"next: one that {kind}")
            async with bad_registry(kind) as bad:
                pair = await one_pair(folder, bad.url, arguments)
            pairs[f"one that {kind}"] = replace(pair, n_connections=bad.n_connections)
    return harness.Report(
        title="A process with the sender, against the same without it",
        columns=(
            "registry",
            "PSS, MB more",
            "CPU, % of a core more",
            "loop late with it, p99.9 ms",
            "max ms",
            "without it, p99.9 ms",
            "max ms",
            "connections",
        ),
        rows=[row(name, pair) for name, pair in pairs.items()],
        raw={name: msgspec.to_builtins(pair) for name, pair in pairs.items()},
        notes=notes(pairs, arguments),
    )


def notes(pairs: Mapping[str, Pair], arguments: argparse.Namespace) -> list[str]:
    good = pairs[_GOOD]
    return [
        f"{arguments.seconds:g} s each, {arguments.settle:g} s after the start; both processes at once, on one core.",
        f"With the sender and {_GOOD}: {described(good.with_sender)}; without it: {described(good.without)}.",
        "The loop is looked at every 5 ms. asyncio's own timers are up to 1 ms late.",
    ]


def described(cost: Cost) -> str:
    return f"{cost.pss_mb:.1f} MB and {cost.cpu_percent:.2f} % of a core"


def row(name: str, pair: Pair) -> tuple[str, ...]:
    one, other = pair.with_sender, pair.without
    late = (one.lateness.p999_ms, one.lateness.max_ms, other.lateness.p999_ms, other.lateness.max_ms)
    return (
        name,
        f"{one.pss_mb - other.pss_mb:+.1f}",
        f"{one.cpu_percent - other.cpu_percent:+.2f}",
        *(f"{value:.1f}" for value in late),
        "" if pair.n_connections is None else f"{pair.n_connections}",
    )


if __name__ == "__main__":
    options = parser(__doc__, quick={"seconds": 10.0, "settle": 3.0}, seconds=60.0, settle=10.0)
    sys.exit(harness.main(options, measure, limit=3_600))
