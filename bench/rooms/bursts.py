"""Many humans join as many rooms within a tenth of a second: until each has its agent."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import harness
from bench.rooms.figures import NEVER, Aim, Figures
from bench.rooms.stage import Fleet, Stage, parser, scenery, sides
from stack.attendance import first_agent, longest_double, most_agents
from stack.errors import LateError
from stack.until import until

SIZES = (10, 30)
"""Rooms of one burst."""

AIMS = {10: Aim(share=0.95, limit=4)}

_WATCH = 30.0
"""Seconds after which a room counts as one that never got an agent."""
_AFTER = 3.0
"""Seconds after the last agent came in which no second one may come."""


async def one(stage: Stage, figures: Figures, *, size: int) -> None:
    loop = asyncio.get_running_loop()
    rooms = [stage.new_room() for _ in range(size)]
    guests = [stage.guest(room) for room in rooms]
    # A hundred questions a second at most: the machine has other work.
    async with stage.attendance(*rooms, interval=max(0.05, size / 100)) as attendance:
        try:
            started_at = loop.time()
            joins = [asyncio.create_task(guest.join(), name="join") for guest in guests]
            asked_at = loop.time()
            await asyncio.gather(*joins)
            figures.add(stage.name, f"{size} rooms: all humans in and heard, s", loop.time() - asked_at)
            apart = await seconds_apart(stage, rooms)
            figures.add(stage.name, f"{size} rooms: first to last human, as LiveKit has it, s", apart)
            try:
                await until(
                    lambda: all(map(attendance.living, rooms)),
                    timeout=_WATCH,
                    what=f"an agent in each of {size} rooms",
                    interval=0.05,
                )
            except LateError as error:
                harness.say(f"{stage.name}: {error}")
            await asyncio.sleep(_AFTER)
            end = loop.time()
            for room in rooms:
                looks = attendance.looks(room)
                came_at = first_agent(looks, after=started_at)
                waited = NEVER if came_at is None else came_at - started_at
                figures.add(stage.name, f"{size} rooms: join → agent, s", waited, aim=AIMS.get(size))
                figures.add(
                    stage.name,
                    f"{size} rooms: most agents at once",
                    most_agents(looks, since=started_at, end=end),
                    aim=Aim(limit=1),
                )
                figures.add(
                    stage.name,
                    f"{size} rooms: two agents, s",
                    longest_double(looks, since=started_at, end=end),
                )
            n_without = sum(len(attendance.living(room)) != 1 for room in rooms)
            figures.add(
                stage.name, f"{size} rooms: without exactly one agent in the end", n_without, aim=Aim(limit=0)
            )
        finally:
            for guest in guests:
                await guest.leave()
    await stage.end(*rooms)


async def seconds_apart(stage: Stage, rooms: list[str]) -> float:
    """Between the first and the last human's joining, by LiveKit's clock."""
    found = await asyncio.gather(*map(stage.rooms.participants, rooms))
    joined_ms = [one.joined_at_ms for each in found for one in each if one.identity == "guest"]
    return (max(joined_ms) - min(joined_ms)) / 1_000 if joined_ms else NEVER


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures = Figures()
    async with scenery() as all_stages:
        for name, agent, n_runs in sides(arguments):
            async with all_stages.stage(Fleet(name=name, agent=agent)) as stage:
                for size in arguments.sizes:
                    for number in range(1, n_runs + 1):
                        await one(stage, figures, size=size)
                        await stage.wait_until_idle()
                        await stage.renew_workers()
                        harness.say(f"{name}, {size} rooms: {number} of {n_runs}")
    return figures.report(
        "Bursts",
        notes=(
            f"One worker, fresh for each burst, with 2 warm processes. Watched for {_WATCH:g} s. The humans publish a "
            "microphone that sends nothing.",
        ),
    )


def sizes(text: str) -> list[int]:
    """Like ``10,30``."""
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    options = parser(__doc__, runs=3, peer_runs=3)
    options.add_argument(
        "--sizes", type=sizes, default=list(SIZES), metavar="N,N", help="rooms of a burst; default: 10,30"
    )
    sys.exit(harness.main(options, measure, limit=3_600))
