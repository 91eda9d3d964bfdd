"""Twenty humans look in for half a second each; the one who stays is greeted and answered."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import harness
from bench.join_latency import QUESTION
from bench.rooms.figures import NEVER, Aim, Figures
from bench.rooms.stage import Fleet, Stage, parser, scenery, sides
from stack.attendance import most_agents
from stack.caller import Caller
from stack.errors import LateError

N_JOINS = 20
STAY = 0.5
"""Seconds of each short join, and between two."""

_LIMIT = 15.0


async def one(stage: Stage, figures: Figures) -> None:
    loop = asyncio.get_running_loop()
    room = stage.new_room()
    await stage.be_ready()
    started_at = loop.time()
    async with stage.attendance(room, interval=0.05) as attendance:
        for number in range(N_JOINS):
            async with stage.caller(room, f"guest-{number}"):
                await asyncio.sleep(STAY)
            await asyncio.sleep(STAY)
        joining_at = loop.time()
        async with stage.caller(room) as caller:
            greeted_after = await seconds_until_heard(caller, after=joining_at)
            figures.add(stage.name, "who stays: join → voice, s", greeted_after, aim=Aim(limit=5))
            answered_after = NEVER
            if greeted_after != NEVER:
                await caller.wait_for_silence(limit=30)
            said = await caller.say(QUESTION)
            answered_after = await seconds_until_heard(caller, after=said.ended_at)
            figures.add(stage.name, "who stays: question → answer, s", answered_after, aim=Aim(limit=5))
            figures.add(
                stage.name,
                "without exactly one agent in the end",
                len(attendance.living(room)) != 1,
                aim=Aim(limit=0),
            )
        figures.add(
            stage.name,
            "most agents at once",
            most_agents(attendance.looks(room), since=started_at, end=loop.time()),
            aim=Aim(limit=1),
        )
    await stage.end(room)


async def seconds_until_heard(caller: Caller, *, after: float) -> float:
    try:
        _, at = await caller.hear_start(after=after, limit=_LIMIT)
    except LateError:
        return NEVER
    return at - after


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures = Figures()
    async with scenery() as all_stages:
        for name, agent, n_runs in sides(arguments):
            async with all_stages.stage(Fleet(name=name, agent=agent, grace=60)) as stage:
                for number in range(1, n_runs + 1):
                    await one(stage, figures)
                    await stage.wait_until_idle()
                    await stage.renew_workers()
                    harness.say(f"{name}: {number} of {n_runs}")
    return figures.report(
        f"{N_JOINS} joins of {STAY:g} s each, then one that stays",
        notes=(f"Watched for {_LIMIT:g} s. GRACE_PERIOD 60.",),
    )


if __name__ == "__main__":
    sys.exit(harness.main(parser(__doc__, runs=5, peer_runs=3), measure, limit=1_800))
