"""What a kill -9 of the registry costs: agents that it had acknowledged, and time until it answers again."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import harness
from bench.registry.cores import pin_myself
from bench.registry.load import Load, build
from bench.registry.options import parser
from bench.registry.server import Registry

_OFFERED = 1.3
"""Agents that are sent, for each acknowledgement waited for: the kill meets many that are half way."""

_LOOK_EVERY = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill -9 in the middle of many new agents."""

    acked: int
    lost: int
    """Acknowledged, and not there after the restart."""

    offline: int
    """There, but held against their will to be offline."""

    restart: float
    """Seconds from the start to the first 200 of `/readyz`."""

    cpu: float
    """Processor time that it used for that, in seconds: what a busy machine does not change."""


async def one_kill(binary: Path, folder: Path, arguments: argparse.Namespace) -> Kill:
    acked_file = folder / "acked"
    async with Registry(folder, arguments.command) as registry:
        load = Load(binary, registry.target)
        await load.register_and_kill(
            int(arguments.agents * _OFFERED),
            kill=registry.child.pid,
            after=arguments.agents,
            acked=acked_file,
        )
        await registry.child.wait(timeout=5)
        acked = set(acked_file.read_text().split())
        restart, cpu = await registry.start(look_every=_LOOK_EVERY), registry.moment().cpu
        there = {one.agent_id: one.status for one in await registry.agents()}
    return Kill(
        acked=len(acked),
        lost=len(acked - there.keys()),
        offline=sum(status == "offline" for status in there.values()),
        restart=restart,
        cpu=cpu,
    )


async def one_restart(binary: Path, folder: Path, arguments: argparse.Namespace) -> Kill:
    """kill -9 a registry with many agents that all beat."""
    n = arguments.restart_agents
    async with Registry(folder, arguments.command) as registry:
        load = Load(binary, registry.target)
        await load.register(n)
        await load.open(n, rate=n / 2, seconds=2)
        registry.child.kill()
        restart, cpu = await registry.start(look_every=_LOOK_EVERY), registry.moment().cpu
        there = await registry.agents()
    return Kill(
        acked=n,
        lost=n - len(there),
        offline=sum(one.status == "offline" for one in there),
        restart=restart,
        cpu=cpu,
    )


async def measure(arguments: argparse.Namespace) -> harness.Report:
    pin_myself()
    binary = await build()
    kills: dict[str, list[Kill]] = {}
    for name, one, times in (
        (f"at acknowledgement {arguments.agents:,} of new agents", one_kill, arguments.runs),
        (f"with {arguments.restart_agents:,} agents that beat", one_restart, arguments.restarts),
    ):
        for number in range(1, times + 1):
            with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
                kill = await one(binary, Path(root), arguments)
            kills.setdefault(name, []).append(kill)
            harness.say(f"{name}, {number}: {kill.lost} of {kill.acked} lost, ready in {kill.restart:.2f} s")
    return harness.Report(
        title="kill -9 of the registry",
        columns=(
            "killed",
            "times",
            "acknowledged",
            "lost",
            "offline",
            "ready again, median s",
            "max s",
            "CPU s, median",
        ),
        rows=[row(name, each) for name, each in kills.items()],
        raw={name: [asdict(kill) for kill in each] for name, each in kills.items()},
        notes=["Ready: from the start of the process to the first 200 of /readyz. SQLite."],
    )


def row(name: str, each: list[Kill]) -> tuple[str, ...]:
    restarts = [kill.restart for kill in each]
    sums = (
        sum(kill.acked for kill in each),
        sum(kill.lost for kill in each),
        sum(kill.offline for kill in each),
    )
    return (
        name,
        str(len(each)),
        *(f"{value:,}" for value in sums),
        f"{harness.median(restarts):.2f}",
        f"{max(restarts):.2f}",
        f"{harness.median([kill.cpu for kill in each]):.2f}",
    )


if __name__ == "__main__":
    options = parser(
        __doc__,
        quick={"runs": 2, "restarts": 1},
        runs=20,
        restarts=5,
        agents=3_000,
        restart_agents=10_000,
    )
    sys.exit(harness.main(options, measure, limit=1_200))
