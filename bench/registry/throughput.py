"""Beats per second that the registry takes on one core with its database, beside etcd and Redis."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import harness
from bench.registry.cores import Moment, move_to_server_core, pin_myself
from bench.registry.load import Load, Summary, build
from bench.registry.options import parser
from bench.registry.peers import Subject, etcd, redis
from bench.registry.server import Registry
from stack.postgres import PostgresServer

SQLITE = "registry, SQLite"
POSTGRES = "registry, PostgreSQL"
ETCD = "etcd lease, JSON gateway"
REDIS = "Redis SET EX"

_WARM_UP = 1.0
_FULL = 90.0
"""Percent of its core from which the generator itself may be what was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One server under one kind of load, once."""

    summary: Summary
    cpu_us: float
    """Processor time of the server and its database for one request, in microseconds."""

    load_percent: float
    """Use of the generator's core."""

    others_percent: float
    """Use of the server's core by others."""


def run_of(summary: Summary, before: Moment, after: Moment) -> Run:
    return Run(
        summary=summary,
        cpu_us=1e6 * (after.cpu - before.cpu) / summary.requests,
        load_percent=100 * summary.cpu_seconds / summary.seconds,
        others_percent=after.others_since(before),
    )


CLOSED = "as fast as it can"

Runs = Mapping[tuple[str, str], list[Run]]
"""By server and load, one for each round."""


async def one_round(subject: Subject, load: Load, arguments: argparse.Namespace) -> dict[str, Run]:
    """A fresh server under each kind of load in turn."""
    n, seconds, changed = arguments.agents, arguments.seconds, arguments.changed
    loads: dict[str, Callable[[], Awaitable[Summary]]] = {
        CLOSED: lambda: load.closed(n, seconds=seconds),
        paced(arguments): lambda: load.open(n, rate=arguments.rate, seconds=seconds),
    }
    if subject.kind == "beats":
        name = f"{CLOSED}, {100 * changed:g} % change a fact"
        loads[name] = lambda: load.closed(n, seconds=seconds, changed=changed)
    await load.register(n)
    await load.closed(n, seconds=_WARM_UP)
    runs = {}
    for name, make in loads.items():
        before = subject.moment()
        summary = await make()
        runs[name] = run_of(summary, before, subject.moment())
    return runs


def paced(arguments: argparse.Namespace) -> str:
    return f"{arguments.rate:,.0f}/s"


def sqlite(folder: Path, arguments: argparse.Namespace) -> Registry:
    return Registry(folder, arguments.command)


@asynccontextmanager
async def postgres(folder: Path, arguments: argparse.Namespace) -> AsyncIterator[Registry]:
    async with PostgresServer(is_durable=True) as database:
        process = database.child.pid
        move_to_server_core(process)
        async with Registry(
            folder, arguments.command, database_url=database.url, database=process
        ) as registry:
            yield registry


SUBJECTS: Mapping[str, Callable[[Path, argparse.Namespace], AbstractAsyncContextManager[Subject]]] = {
    SQLITE: sqlite,
    POSTGRES: postgres,
    ETCD: lambda folder, _: etcd(folder),
    REDIS: lambda folder, _: redis(folder),
}


async def measure(arguments: argparse.Namespace) -> harness.Report:
    pin_myself()
    binary = await build()
    runs: dict[tuple[str, str], list[Run]] = {}
    for number in range(1, arguments.rounds + 1):
        with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
            for name, start in SUBJECTS.items():
                async with start(Path(root), arguments) as server:
                    done = await one_round(server, Load(binary, server.target, kind=server.kind), arguments)
                for kind, run in done.items():
                    runs.setdefault((name, kind), []).append(run)
                harness.say(f"round {number}: {name}: {done[CLOSED].summary.rate:,.0f}/s")
    return report(runs, arguments)


def report(runs: Runs, arguments: argparse.Namespace) -> harness.Report:
    rows = []
    for (name, kind), each in runs.items():
        cells = [median(each, lambda run: run.summary.rate), max(run.summary.rate for run in each)]
        cpu = median(each, lambda run: run.cpu_us)
        times = [median(each, pick) for pick in (_p50, _p99)]
        worst = max(run.summary.max_ms for run in each)
        rows.append(
            (
                name,
                kind,
                *(f"{cell:,.0f}" for cell in cells),
                f"{cpu:.1f}",
                *(f"{value:.2f}" for value in times),
                f"{worst:.1f}",
            )
        )
    return harness.Report(
        title="Beats on one core, server and database together",
        columns=("server", "load", "per s, median", "best", "CPU µs each", "p50 ms", "p99 ms", "max ms"),
        rows=rows,
        raw={
            f"{name}: {kind}": [msgspec.to_builtins(run) for run in each]
            for (name, kind), each in runs.items()
        },
        notes=notes(runs, arguments),
    )


def notes(runs: Runs, arguments: argparse.Namespace) -> list[str]:
    rates = {
        name: median(each, lambda run: run.summary.rate)
        for (name, kind), each in runs.items()
        if kind == CLOSED
    }
    ratios = [
        f"{one} ÷ {other}: {rates[one] / rates[other]:.2f}."
        for one, other in ((POSTGRES, SQLITE), (SQLITE, ETCD), (SQLITE, REDIS))
        if one in rates and other in rates
    ]
    full = [f"{name} ({kind})" for (name, kind), each in runs.items() if median(each, _load_percent) > _FULL]
    others = [run.others_percent for each in runs.values() for run in each]
    return [
        f"{arguments.agents:,} agents, 64 connections, {arguments.rounds} rounds of {arguments.seconds:g} s, "
        "alternating, each with a fresh server; medians of the rounds. Server on one core, load on another.",
        f"{paced(arguments)} counts from the moment at which a beat was due.",
        *ratios,
        *(
            [f"The generator's own core was full, so these are lower bounds: {', '.join(full)}."]
            if full
            else []
        ),
        f"Other processes used {harness.median(others):.0f} % of the server's core (median of the runs), at most "
        f"{max(others):.0f} %.",
    ]


def median(each: list[Run], pick: Callable[[Run], float]) -> float:
    return harness.median([pick(run) for run in each])


def _p50(run: Run) -> float:
    return run.summary.p50_ms


def _p99(run: Run) -> float:
    return run.summary.p99_ms


def _load_percent(run: Run) -> float:
    return run.load_percent


if __name__ == "__main__":
    options = parser(
        __doc__,
        quick={"seconds": 2.0, "rounds": 1, "agents": 2_000},
        seconds=10.0,
        rounds=3,
        agents=10_000,
        rate=5_000.0,
        changed=0.01,
    )
    sys.exit(harness.main(options, measure, limit=1_800))
