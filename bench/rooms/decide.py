"""What keeping many rooms costs: deciding about all of them, and requests to LiveKit while nothing happens."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter

from bench import harness
from bench.registry.beside import beside
from bench.rooms.crowd import CountingLiveKit, CrowdBeats, OnlyLock, picture
from bench.rooms.figures import Aim, Figures
from rooms.decide import decide
from rooms.keeping import Keeping
from rooms.leading import Leadership
from rooms.limits import KeepLimits
from stack.until import until

_WARM_UP = 12.0
"""Seconds until all rooms were looked at once, and each at its own time after that."""

_PERIOD = 10.0
"""Seconds that the aim is for."""


def time_decisions(n_rooms: int, *, runs: int, figures: Figures) -> Counter[str]:
    """Milliseconds of processor time for a decision about each room; returns what was decided."""
    limits, now = KeepLimits(), 100.0
    pictures = [picture(number, now=now) for number in range(n_rooms)]
    for _ in range(runs):
        started_at = time.thread_time()
        for one in pictures:
            decide(one, now=now, limits=limits)
        took_ms = 1_000 * (time.thread_time() - started_at)
        figures.add(
            harness.OURS, f"decide about {n_rooms:,} rooms, ms of CPU", took_ms, aim=Aim(share=0.95, limit=50)
        )
    return Counter(decide(one, now=now, limits=limits).act.value for one in pictures)


async def count_requests(n_rooms: int, *, seconds: float, have_beats: bool, figures: Figures) -> Counter[str]:
    """Requests for each room in 10 s, and the loop's share of a core; returns the requests by kind."""
    loop = asyncio.get_running_loop()
    livekit = CountingLiveKit(n_rooms)
    leadership = Leadership(OnlyLock())
    keeping = Keeping(
        livekit,
        beats=CrowdBeats(n_rooms if have_beats else 0),
        leadership=leadership,
        record=lambda _: None,
        clock=loop.time,
    )
    async with (
        beside(leadership.run(), name="leadership") as leading,
        beside(keeping.run(), name="keeping") as run,
    ):
        await until(lambda: len(keeping.memories) == n_rooms, timeout=30, what="the first list of rooms")
        await asyncio.sleep(_WARM_UP)
        livekit.asked.clear()
        began_at, cpu_at = loop.time(), time.process_time()
        await asyncio.sleep(seconds)
        took = loop.time() - began_at
        what = f"{n_rooms:,} rooms{'' if have_beats else ' whose agents beat to nobody here'}"
        each = livekit.asked.total() / n_rooms * _PERIOD / took
        aim = Aim(limit=1.01) if have_beats else None  # with the list of all rooms, which is one request
        figures.add(harness.OURS, f"{what}: requests for each in 10 s", each, aim=aim)
        share = 100 * (time.process_time() - cpu_at) / took
        figures.add(harness.OURS, f"{what}: keeping, % of a core", share)
        run.cancel()
        leading.cancel()
    return livekit.asked


def told(title: str, counts: Counter[str]) -> str:
    return f"{title}: {', '.join(f'{n:,} × {what}' for what, n in counts.most_common())}."


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures = Figures()
    notes = [told("Decided", time_decisions(arguments.rooms, runs=arguments.runs, figures=figures))]
    for have_beats in (True, False):
        asked = await count_requests(
            arguments.rooms, seconds=arguments.seconds, have_beats=have_beats, figures=figures
        )
        notes.append(told(f"Asked, {'with' if have_beats else 'without'} beats", asked))
    notes.append(
        "LiveKit is a seam that answers at once and counts. An agent that is asked may be asked twice. LiveKit alone "
        "keeps no rooms."
    )
    return figures.report("Keeping many rooms", notes=notes)


if __name__ == "__main__":
    options = harness.parser(__doc__, runs=50, rooms=1_000, seconds=30.0)
    sys.exit(harness.main(options, measure, limit=600))
