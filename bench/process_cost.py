"""What one call costs while nobody speaks: memory and processor time of its process."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass

from bench import harness

ROOM = "agent-1-room"

_N_SAMPLES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    pss_mb: list[float]
    cpu_percent: float
    """Of one core."""


async def cost_of(side: harness.Side, *, settle: float, seconds: float) -> Cost:
    loop = asyncio.get_running_loop()
    async with side.caller(ROOM) as caller:
        await caller.hear(after=0, limit=20)
        job = side.worker.job()
        await asyncio.sleep(settle)
        started_at, busy = loop.time(), sum(job.cpu_times()[:2])
        pss_mb = []
        for _ in range(_N_SAMPLES):
            await asyncio.sleep(seconds / _N_SAMPLES)
            pss_mb.append(harness.pss_mb(job))
        percent = 100 * (sum(job.cpu_times()[:2]) - busy) / (loop.time() - started_at)
    return Cost(pss_mb=pss_mb, cpu_percent=percent)


async def measure(arguments: argparse.Namespace) -> harness.Report:
    costs = {}
    async with harness.Bench(harness.agents_of(arguments)) as bench:
        for side in bench.sides:
            await side.be_ready()
            costs[side.name] = await cost_of(side, settle=arguments.settle, seconds=arguments.seconds)
            await side.end_call(ROOM)
            harness.say(f"{side.name}: measured")
    rows = [
        (name, f"{harness.median(cost.pss_mb):.1f}", f"{max(cost.pss_mb):.1f}", f"{cost.cpu_percent:.2f}")
        for name, cost in costs.items()
    ]
    ours, peer = costs[harness.OURS], costs[harness.PEER]
    pss = harness.median(ours.pss_mb) - harness.median(peer.pss_mb)
    rows.append(("difference", f"{pss:+.1f}", "", f"{ours.cpu_percent - peer.cpu_percent:+.2f}"))
    return harness.Report(
        title="Cost of one call's process, nobody speaking",
        columns=("agent", "PSS, median MB", "max MB", "CPU, % of a core"),
        rows=rows,
        raw={name: {"pss_mb": cost.pss_mb, "cpu_percent": cost.cpu_percent} for name, cost in costs.items()},
        notes=(f"One silent caller with a microphone, {arguments.seconds:g} s, after the greeting.",),
    )


if __name__ == "__main__":
    options = harness.parser(__doc__, seconds=60.0, settle=10.0)
    sys.exit(harness.main(options, measure, limit=900))
