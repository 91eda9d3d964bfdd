"""A human waits in a room before there is any worker: how soon the agent comes once a worker is there."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import harness
from bench.rooms.figures import NEVER, Aim, Figures
from bench.rooms.stage import Fleet, Stage, agent_seen_at, parser, scenery, sides
from stack.attendance import most_agents
from stack.errors import LateError
from stack.worker import Worker

_AFTER = 3.0
"""Seconds after the agent came in which no second one may come."""


async def one(stage: Stage, worker: Worker, figures: Figures, *, wait: float, watch: float) -> None:
    loop = asyncio.get_running_loop()
    room = stage.new_room()
    async with stage.attendance(room) as attendance, stage.caller(room) as caller:
        await asyncio.sleep(wait)
        await worker.start()
        registered_at = loop.time()
        seen_at = await agent_seen_at(attendance, room, timeout=watch)
        came_after = NEVER if seen_at is None else seen_at - registered_at
        figures.add(stage.name, "worker registered → agent, s", came_after, aim=Aim(limit=3))
        heard_after = NEVER
        if seen_at is not None:
            try:
                _, heard_at = await caller.hear_start(after=registered_at, limit=watch)
                heard_after = heard_at - registered_at
            except LateError as error:
                harness.say(f"{stage.name}: {error}")
        figures.add(stage.name, "worker registered → first audio, s", heard_after)
        await asyncio.sleep(_AFTER)
        figures.add(
            stage.name,
            "most agents at once",
            most_agents(attendance.looks(room), since=registered_at, end=loop.time()),
            aim=Aim(limit=1),
        )
    await stage.end(room)
    await worker.stop(hurry_after=1)


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures = Figures()
    async with scenery() as all_stages:
        for name, agent, n_runs in sides(arguments):
            async with all_stages.stage(Fleet(name=name, agent=agent, n_workers=0)) as stage:
                worker = stage.new_worker()
                try:
                    for number in range(1, n_runs + 1):
                        await one(stage, worker, figures, wait=arguments.wait, watch=arguments.watch)
                        harness.say(f"{name}: {number} of {n_runs}")
                finally:
                    await worker.aclose()
    return figures.report(
        f"A worker that starts {arguments.wait:g} s after the human joined",
        notes=(
            f"The worker has no warm process yet when it registers. Watched for {arguments.watch:g} s. Registered: "
            "as its log says, looked at every 50 ms.",
        ),
    )


if __name__ == "__main__":
    options = parser(__doc__, runs=5, peer_runs=2, wait=10.0, watch=20.0)
    sys.exit(harness.main(options, measure, limit=1_200))
