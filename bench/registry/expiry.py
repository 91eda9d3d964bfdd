"""How late the registry sees that an agent has fallen silent, among very many that beat."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from bench import harness
from bench.registry.beside import beside
from bench.registry.cores import pin_myself
from bench.registry.load import Load, build
from bench.registry.options import parser
from bench.registry.server import Agent, Registry
from stack.errors import StackError

TTL = 25.0
"""Seconds without a beat until an agent is offline, as the registry's replies say."""

_INTERVAL = 10.0
LATE_AFTER = 16.0
"""Seconds without a beat from which an agent is shown as late."""

_MARGIN = 0.5
"""Seconds kept from the moments at which a phase would mix with the next."""

_PORTIONS = 5

_IDLE = 20.0
"""Seconds over which an idle registry is watched."""


class Watch:
    """When each agent was first seen offline on the stream of changes."""

    def __init__(self, registry: Registry) -> None:
        self.seen: dict[str, datetime] = {}
        self.n_reloads = 0
        """Times that the stream gave up and told its reader to load the page anew."""

        self._registry = registry

    async def run(self) -> None:
        async for event in self._registry.events():
            self.n_reloads += event.name == "reload"
            for agent in event.agents:
                if agent.status == "offline":
                    self.seen.setdefault(agent.agent_id, event.at)


def lateness_ms(agent: Agent, at: datetime) -> float:
    """From the moment at which `agent` was due to be offline until `at`."""
    return (at - agent.last_heartbeat - timedelta(seconds=TTL)).total_seconds() * 1000


async def bring_in(load: Load, n: int) -> float:
    """Register `n` agents in portions, with a beat of all before each, so that none falls silent meanwhile.

    Returns:
        New agents per second, in the first portion.
    """
    rate = 0.0
    for portion in range(1, _PORTIONS + 1):
        done = await load.register(n * portion // _PORTIONS)
        rate = rate or done.rate
        harness.say(f"{done.requests:,} agents are in, {done.rate:,.0f} beats/s")
    return rate


async def idle_percent(registry: Registry, seconds: float) -> float:
    before = registry.moment()
    await asyncio.sleep(seconds)
    return registry.moment().percent_since(before)


async def measure(arguments: argparse.Namespace) -> harness.Report:
    pin_myself()
    binary = await build()
    n, n_silent = arguments.agents, int(arguments.agents * arguments.silent)
    rate = n / _INTERVAL
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        async with Registry(Path(root), arguments.command) as registry:
            load = Load(binary, registry.target)
            registered = await bring_in(load, n)
            await load.open(n, rate=rate, seconds=_INTERVAL)
            watch = Watch(registry)
            async with beside(watch.run(), name="watch") as watching:
                before = registry.moment()
                # The last ones go on; the first ones fell silent one after the other, over one interval.
                beating = await load.open(
                    n - n_silent,
                    first=n_silent,
                    rate=rate * (1 - n_silent / n),
                    seconds=TTL + _INTERVAL,
                )
                after = registry.moment()
                watching.cancel()
            # Until the first of them is late, nothing changes.
            alive = await idle_percent(registry, LATE_AFTER - _INTERVAL - _MARGIN)
            offline = await registry.agents(status="offline")
            harness.say(f"{len(offline):,} offline, {len(watch.seen):,} of them seen on the stream")
            if len(offline) < n_silent:
                raise StackError(f"only {len(offline):,} of {n_silent:,} silent agents were found offline")
            await asyncio.sleep(TTL + arguments.settle)
            silent = await idle_percent(registry, _IDLE)
    stamped = [lateness_ms(one, one.status_since) for one in offline]
    shown = [lateness_ms(one, watch.seen[one.agent_id]) for one in offline if one.agent_id in watch.seen]
    return harness.Report(
        title=f"Expiry among {n:,} agents that beat {rate:,.0f} times a second",
        columns=("offline, after it was due", "agents", "p50 ms", "p99 ms", "max ms"),
        rows=[
            row("as the registry dates it", stamped),
            row("as a reader of the stream sees it", shown),
        ],
        raw={
            "stamped_ms": stamped,
            "shown_ms": shown,
            "registered": registered,
            "beats_p99_ms": beating.p99_ms,
            "busy_percent": after.percent_since(before),
            "others_percent": after.others_since(before),
            "idle_percent": {"all alive": alive, "all silent": silent},
        },
        notes=[
            f"{n_silent:,} of them fell silent over {_INTERVAL:g} s. The stream gathers changes for up to 100 ms; "
            f"it told its reader {watch.n_reloads} times to load all anew.",
            f"Meanwhile a beat was answered in {beating.p50_ms:.2f} ms at the median, {beating.p99_ms:.2f} ms "
            f"at p99, and the registry used {after.percent_since(before):.1f} % of a core, other "
            f"processes {after.others_since(before):.0f} % of the same one.",
            f"Registering them had gone at {registered:,.0f}/s.",
            f"Without any beats: {alive:.2f} % of a core at once after the last one, while all are still well, and "
            f"{silent:.2f} % when all have been silent for {TTL + arguments.settle:g} s.",
        ],
    )


def row(name: str, values: list[float]) -> tuple[str, ...]:
    shares = (harness.percentile(values, share) for share in (0.5, 0.99, 1.0))
    return (name, f"{len(values):,}", *(f"{value:.1f}" for value in shares))


if __name__ == "__main__":
    options = parser(
        __doc__,
        quick={"agents": 5_000, "settle": 10.0},
        agents=100_000,
        silent=0.1,
        settle=90.0,
    )
    sys.exit(harness.main(options, measure, limit=900))
