"""What is left after many calls: memory of the worker, processes, open sockets at the models."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import asdict, dataclass

import psutil

from bench import harness
from stack.errors import LateError

_LIMIT = 20.0
_SETTLE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    worker_mb: float
    """PSS of the worker process."""
    all_mb: float
    """PSS of the worker and all that it started."""
    processes: int
    sockets: int
    """Open at the local models, by both sides: measured while the other is idle."""


async def footprint(side: harness.Side) -> Footprint:
    await side.wait_until_idle()
    await asyncio.sleep(_SETTLE)
    worker = psutil.Process(side.worker.pid)
    children = side.worker.processes()
    status = await side.models.status()
    return Footprint(
        worker_mb=harness.pss_mb(worker),
        all_mb=harness.pss_mb(worker) + sum(map(harness.pss_mb, children)),
        processes=1 + len(children),
        sockets=sum(kind["open"] for kind in status["sockets"].values()),
    )


async def one_call(side: harness.Side, room: str) -> bool:
    """Join, hear the greeting, leave; False when nothing was heard."""
    loop = asyncio.get_running_loop()
    joining_at = loop.time()
    async with side.caller(room) as caller:
        try:
            await caller.hear_start(after=joining_at, limit=_LIMIT)
        except LateError as error:
            harness.say(f"{side.name}: {error} in {room}")
            return False
    return True


async def measure(arguments: argparse.Namespace) -> harness.Report:
    env = {"GRACE_PERIOD": "1"}
    before, after, lost = {}, {}, {}
    async with harness.Bench(harness.agents_of(arguments), env=env, departure_timeout=1) as bench:
        for side in bench.sides:
            await side.be_ready()
            await one_call(side, "agent-0-room")  # the first call loads what later ones share
            before[side.name] = await footprint(side)
            lost[side.name] = 0
        for number in range(1, arguments.calls + 1):
            for side in bench.sides:
                lost[side.name] += not await one_call(side, f"agent-{number}-room")
                await side.be_ready()
            harness.say(f"{number} of {arguments.calls} calls")
        for side in bench.sides:
            together = (one_call(side, f"agent-t{number}-room") for number in range(arguments.at_once))
            lost[side.name] += (await asyncio.gather(*together)).count(False)
            await side.be_ready()
        for side in bench.sides:
            after[side.name] = await footprint(side)
    columns = ("agent", "worker MB", "all MB", "processes", "open sockets", "calls lost")
    return harness.Report(
        title=f"Before → after {arguments.calls} calls in a row and {arguments.at_once} at once",
        columns=columns,
        rows=[
            (
                name,
                f"{before[name].worker_mb:.1f} → {after[name].worker_mb:.1f}",
                f"{before[name].all_mb:.1f} → {after[name].all_mb:.1f}",
                f"{before[name].processes} → {after[name].processes}",
                f"{before[name].sockets} → {after[name].sockets}",
                str(lost[name]),
            )
            for name in after
        ],
        raw={
            name: {"before": asdict(before[name]), "after": asdict(after[name]), "lost": lost[name]}
            for name in after
        },
        notes=("PSS; after one call that loads what all share.",),
    )


if __name__ == "__main__":
    sys.exit(harness.main(harness.parser(__doc__, calls=20, at_once=4), measure, limit=1800))
