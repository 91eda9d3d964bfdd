"""A call's process stands still (SIGSTOP) for 20 s: until another agent is there, and what happens when it goes on."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import harness
from bench.rooms.figures import NEVER, Aim, Figures
from bench.rooms.stage import Fleet, Stage, agent_seen_at, parser, scenery, sides
from stack.attendance import longest_double, most_agents

_AFTER = 10.0
"""Seconds that are watched after it goes on."""


async def one(stage: Stage, figures: Figures, *, pause: float) -> None:
    loop = asyncio.get_running_loop()
    room = stage.new_room()
    await stage.be_ready()
    async with stage.attendance(room) as attendance, stage.guest(room):
        old, _ = await attendance.agent_in(room, timeout=10)
        await asyncio.sleep(2)  # its first beats have come
        _, job = stage.job()
        job.suspend()
        stopped_at = loop.time()
        try:
            seen_at = await agent_seen_at(attendance, room, timeout=pause, than=old)
            replaced_after = NEVER if seen_at is None else seen_at - stopped_at
            figures.add(stage.name, "SIGSTOP → another agent, s", replaced_after, aim=Aim(limit=10))
            await asyncio.sleep(max(0.0, stopped_at + pause - loop.time()))
        finally:
            if job.is_running():  # somebody may have killed it by now
                job.resume()
        resumed_at = loop.time()
        await asyncio.sleep(_AFTER)
        end, looks = loop.time(), attendance.looks(room)
        for what, value, limit in (
            ("most agents at once, all the time", most_agents(looks, since=stopped_at, end=end), 1),
            ("two agents after SIGCONT, s", longest_double(looks, since=resumed_at, end=end), 5),
            (f"without exactly one agent {_AFTER:g} s after SIGCONT", len(attendance.living(room)) != 1, 0),
        ):
            figures.add(stage.name, what, value, aim=Aim(limit=limit))
        figures.add(stage.name, "the one that stood still has ended", not job.is_running())
    await stage.end(room)


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures = Figures()
    async with scenery() as all_stages:
        for name, agent, n_runs in sides(arguments):
            async with all_stages.stage(Fleet(name=name, agent=agent)) as stage:
                for number in range(1, n_runs + 1):
                    await one(stage, figures, pause=arguments.pause)
                    harness.say(f"{name}: {number} of {n_runs}")
    return figures.report(
        f"SIGSTOP of a call's process for {arguments.pause:g} s",
        notes=("One call at a time. LiveKit's list asked every 20 ms.",),
    )


if __name__ == "__main__":
    sys.exit(harness.main(parser(__doc__, runs=10, peer_runs=2, pause=20.0), measure, limit=1_800))
