"""How long the agent stays after the last human left, in real minutes, with LiveKit's own time limits."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import harness
from stack.until import until_answered

_GRACE = 60
_LIMIT = 90.0


async def one_stay(side: harness.Side, room: str) -> float:
    """Seconds from when LiveKit no longer lists the caller until it no longer lists the agent."""
    loop = asyncio.get_running_loop()
    async with side.caller(room) as caller:
        await caller.hear(after=0, limit=20)

    async def is_without_caller() -> bool:
        return all(one.identity != caller.identity for one in await side.rooms.participants(room))

    async def is_without_agent() -> bool:
        return not await side.rooms.agents(room)

    await until_answered(is_without_caller, timeout=10, what="the caller to be gone", interval=0.01)
    left_at = loop.time()
    await until_answered(is_without_agent, timeout=_LIMIT, what="the agent to be gone")
    return loop.time() - left_at


async def measure(arguments: argparse.Namespace) -> harness.Report:
    stays: dict[str, list[float]] = {}
    env = {"GRACE_PERIOD": str(_GRACE)}
    async with harness.Bench(harness.agents_of(arguments), env=env) as bench:
        for number in range(1, arguments.runs + 1):
            # Both at once: waiting costs nothing, and neither sees the other.
            room = f"agent-{number}-room"
            for side in bench.sides:
                await side.be_ready()
            seconds = await asyncio.gather(*(one_stay(side, room) for side in bench.sides))
            for side, stay in zip(bench.sides, seconds, strict=True):
                stays.setdefault(side.name, []).append(stay)
            harness.say(f"run {number}: " + ", ".join(f"{stay:.2f} s" for stay in seconds))
    return harness.Report(
        title=f"From the last human's leave to the agent's, with a grace period of {_GRACE} s",
        columns=("agent", "shortest s", "longest s", "runs"),
        rows=[
            (name, f"{min(values):.2f}", f"{max(values):.2f}", str(len(values)))
            for name, values in stays.items()
        ],
        raw=stays,
        notes=(
            "LiveKit's departure timeout at its default of 20 s. As LiveKit's list of participants says.",
        ),
    )


if __name__ == "__main__":
    sys.exit(harness.main(harness.parser(__doc__, runs=3), measure, limit=900))
