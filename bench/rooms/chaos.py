"""Rooms in which humans come and go at random, calls are killed and webhooks get lost; looked at in quiet moments."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys

from bench import harness
from bench.rooms.figures import Aim, Figures
from bench.rooms.stage import Fleet, Stage, scenery
from bench.rooms.storm import Storm
from stack.attendance import Attendance, longest_double

GRACE = 3.0
"""Seconds: over before a quiet moment is."""

LOSS = 0.5
"""Share of the webhooks that get lost."""

_NONE = Aim(limit=0)


async def quiet_moment(figures: Figures, who: str, attendance: Attendance, rooms: list[str]) -> None:
    """Count the rooms that are not as they should be."""
    without, too_many, needless, n_humans = [], [], [], 0
    for room in rooms:
        n_agents = len(attendance.living(room))
        if attendance.latest(room).humans:
            n_humans += 1
            without += [room] * (n_agents == 0)
            too_many += [room] * (n_agents > 1)
        else:
            needless += [room] * (n_agents > 0)
    figures.add(who, "quiet: rooms with a human", n_humans)
    for what, wrong in (
        ("with a human, without an agent", without),
        ("with a human and two agents or more", too_many),
        ("without a human, with an agent", needless),
    ):
        figures.add(who, f"quiet: rooms {what}", len(wrong), aim=_NONE)
        if wrong:
            harness.say(f"{who}: {what}: {', '.join(wrong)}")


async def blow(stage: Stage, figures: Figures, arguments: argparse.Namespace, *, minutes: float) -> str:
    """Storm and quiet in turn; returns what happened in one line."""
    loop = asyncio.get_running_loop()
    who = stage.name
    rooms = [stage.new_room() for _ in range(arguments.rooms)]
    async with stage.attendance(*rooms, interval=max(0.1, arguments.rooms / 50)) as attendance:
        storm = Storm(stage, attendance, rooms, dice=random.Random(arguments.seed))
        started_at = loop.time()
        n_quiet = 0
        try:
            while loop.time() < started_at + 60 * minutes:
                async with storm.blowing():
                    await asyncio.sleep(arguments.storm)
                await asyncio.sleep(arguments.quiet)
                await quiet_moment(figures, who, attendance, rooms)
                n_quiet += 1
                harness.say(f"{who}: {loop.time() - started_at:.0f} of {60 * minutes:.0f} s")
        finally:
            await storm.aclose()
        for room in rooms:
            looks = attendance.looks(room)
            double = longest_double(looks, since=started_at, end=loop.time(), dead=attendance.dead)
            figures.add(who, "two agents at once in a room, longest, s", double, aim=Aim(limit=3))
    await stage.end(*rooms)
    webhooks = stage.webhooks
    lost = f", {webhooks.n_lost} of {webhooks.n_lost + webhooks.n_passed} webhooks lost" if webhooks else ""
    return (
        f"{who}: {storm.n_joins} joins, {storm.n_leaves} leaves, {storm.n_kills} calls killed, "
        f"{storm.n_put_out} humans put out, {n_quiet} quiet moments{lost}."
    )


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures, stories = Figures(), []
    minutes = {harness.OURS: arguments.minutes, harness.PEER: arguments.peer_minutes}
    async with scenery() as all_stages:
        for name, agent in harness.agents_of(arguments).items():
            if minutes[name] <= 0:
                continue
            fleet = Fleet(
                name=name, agent=agent, grace=GRACE, webhook_loss=arguments.loss, seed=arguments.seed
            )
            async with all_stages.stage(fleet) as stage:
                stories.append(await blow(stage, figures, arguments, minutes=minutes[name]))
    return figures.report(
        f"{arguments.rooms} rooms in a storm",
        notes=(
            *stories,
            f"{arguments.storm:g} s of storm and {arguments.quiet:g} s of quiet in turn; one value for each quiet, at "
            f"its end. GRACE_PERIOD {GRACE:g}; LiveKit alone waits 20 s. A killed agent that is still on LiveKit's "
            "list is not counted. The humans publish a microphone that sends nothing. 10 rooms are what two cores "
            "carry that also carry all callers; where there are more: --rooms 30.",
        ),
    )


if __name__ == "__main__":
    options = harness.parser(
        __doc__, minutes=5.0, peer_minutes=2.0, rooms=10, storm=30.0, quiet=10.0, loss=LOSS, seed=1
    )
    sys.exit(harness.main(options, measure, limit=3_600))
