"""LiveKit is killed with calls in it, and comes back later: until each room has one agent again."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from contextlib import AsyncExitStack

from livekit import rtc

from bench import harness
from bench.registry.beside import beside
from bench.rooms.figures import NEVER, Aim, Figures
from bench.rooms.stage import Fleet, Stage, parser, scenery, sides
from stack.attendance import Attendance, human_since, longest_double, settled_at
from stack.caller import Guest
from stack.errors import LateError
from stack.until import until

DOWNTIMES = (0.0, 10.0, 35.0)
"""Seconds."""

_COME_LIMIT = 30.0
_REST = 1.0
_RETRY = 0.5
"""Seconds between two tries of a human to join again, once the SDK has given up."""


async def come_back(guest: Guest) -> None:
    """What a person does whose page says that the connection is lost: join again, until it works."""
    while True:
        await asyncio.sleep(_RETRY)
        if not guest.is_lost and guest.is_in:
            continue
        try:
            await guest.leave()
            await guest.join()
        except (rtc.ConnectError, LateError):
            continue


async def one(stage: Stage, figures: Figures, *, n_calls: int, downtime: float, watch: float) -> None:
    loop = asyncio.get_running_loop()
    rooms = [stage.new_room() for _ in range(n_calls)]
    async with AsyncExitStack() as undo:
        attendance = await undo.enter_async_context(stage.attendance(*rooms, interval=0.1))
        for room in rooms:
            # One after the other, with rests: a plain worker loses callers who come at once.
            for worker in stage.workers:
                await worker.wait_until_warm(1)
            await asyncio.sleep(_REST)
            guest = await undo.enter_async_context(stage.guest(room))
            await until(
                lambda room=room: attendance.living(room),  # type: ignore[misc]
                timeout=_COME_LIMIT,
                what=f"an agent in {room}",
            )
            task = await undo.enter_async_context(beside(come_back(guest), name="come-back"))
            undo.callback(task.cancel)
        n_registered = n_registrations(stage)
        stage.server.kill()
        await asyncio.sleep(downtime)
        await stage.server.start()
        back_at = loop.time()
        registered_after = await worker_back(stage, n_registered, watch=watch)
        figures.add(stage.name, f"down {downtime:g} s: LiveKit back → worker back, s", registered_after)
        await asyncio.sleep(max(0.0, back_at + watch - loop.time()))
        for room in rooms:
            add_room(
                figures, stage.name, attendance, room, downtime=downtime, back_at=back_at, end=loop.time()
            )
    await stage.end(*rooms)
    await stage.wait_until_idle()


def n_registrations(stage: Stage) -> int:
    """How often the workers said that LiveKit has taken them."""
    return sum(worker.log_text().count("registered worker") for worker in stage.workers)


async def worker_back(stage: Stage, n_before: int, *, watch: float) -> float:
    """Seconds until a worker is registered again: nobody can send an agent before."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    try:
        await until(
            lambda: n_registrations(stage) > n_before, timeout=watch - 1, what="the worker", interval=0.1
        )
    except LateError:
        return NEVER
    return loop.time() - since


def add_room(
    figures: Figures,
    who: str,
    attendance: Attendance,
    room: str,
    *,
    downtime: float,
    back_at: float,
    end: float,
) -> None:
    looks = [look for look in attendance.looks(room) if look.at >= back_at]
    down = f"down {downtime:g} s"
    human_at, agent_at = human_since(looks, after=back_at), settled_at(looks)
    human_after = NEVER if human_at is None else human_at - back_at
    figures.add(who, f"{down}: LiveKit back → human back, s", human_after)
    settled_after = NEVER if human_at is None or agent_at is None else max(0.0, agent_at - human_at)
    figures.add(who, f"{down}: human back → one agent for good, s", settled_after, aim=Aim(limit=10))
    double = longest_double(looks, since=back_at, end=end)
    figures.add(who, f"{down}: two agents at once, s", double, aim=Aim(limit=3))


def be_quiet() -> None:
    """LiveKit's SDK tells each try of each human to reconnect."""
    logging.getLogger("livekit").setLevel(logging.CRITICAL)


async def measure(arguments: argparse.Namespace) -> harness.Report:
    be_quiet()
    figures = Figures()
    async with scenery() as all_stages:
        for name, agent, n_runs in sides(arguments):
            for downtime in arguments.downtimes:
                for number in range(1, n_runs + 1):
                    # A stage of its own: what a worker still remembers of the last restart is not for this one.
                    async with all_stages.stage(Fleet(name=name, agent=agent, grace=60)) as stage:
                        await one(
                            stage, figures, n_calls=arguments.calls, downtime=downtime, watch=arguments.watch
                        )
                    harness.say(f"{name}, down {downtime:g} s: {number} of {n_runs}")
    return figures.report(
        f"kill -9 of LiveKit with {arguments.calls} calls",
        notes=(
            f"Watched for {arguments.watch:g} s after LiveKit answers again. Humans reconnect as LiveKit's SDK does, "
            "and join anew once it has given up. No agent can be sent before the worker is back, which livekit-agents "
            "tries every 10 s at most. GRACE_PERIOD 60.",
        ),
    )


def downtimes(text: str) -> list[float]:
    """Like ``0,10,35``."""
    return [float(part) for part in text.split(",")]


if __name__ == "__main__":
    options = parser(__doc__, runs=2, peer_runs=1, calls=5, watch=40.0)
    options.add_argument(
        "--downtimes",
        type=downtimes,
        default=list(DOWNTIMES),
        metavar="S,S",
        help="seconds; default: 0,10,35",
    )
    sys.exit(harness.main(options, measure, limit=3_600))
