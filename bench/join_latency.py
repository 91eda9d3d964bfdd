"""How long a caller waits: from joining to the first audible word, and from a question's end to its answer."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass, field

from bench import harness
from stack.errors import LateError

QUESTION = "Please tell me the wi-fi password."

_LIMIT = 20.0


@dataclass(slots=True)
class Waits:
    joins: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    n_lost: int = 0
    """Calls in which nothing was heard in time."""


async def one_call(side: harness.Side, room: str, waits: Waits) -> None:
    loop = asyncio.get_running_loop()
    caller = side.caller(room)
    joining_at = loop.time()
    async with caller:
        try:
            greeting = await caller.hear(after=joining_at, limit=_LIMIT)
            waits.joins.append(greeting.started_at - joining_at)
            said = await caller.say(QUESTION)
            _, answered_at = await caller.hear_start(after=said.ended_at, limit=_LIMIT)
            waits.answers.append(answered_at - said.ended_at)
        except LateError as error:
            waits.n_lost += 1
            harness.say(f"{side.name}: {error}")


async def measure(arguments: argparse.Namespace) -> harness.Report:
    async with harness.Bench(harness.agents_of(arguments)) as bench:
        waits = {side.name: Waits() for side in bench.sides}
        for number in range(1, arguments.calls + 1):
            for side in bench.sides:
                room = f"agent-{number}-room"
                await one_call(side, room, waits[side.name])
                await side.end_call(room)
            harness.say(f"{number} of {arguments.calls} calls")
    return harness.Report(
        title="Waiting for the agent",
        columns=("agent", "join → first audio, p50 s", "p95 s", "question → answer, p50 s", "p95 s", "lost"),
        rows=[
            (name, *harness.spread(one.joins), *harness.spread(one.answers), str(one.n_lost))
            for name, one in waits.items()
        ],
        raw={
            name: {"joins": one.joins, "answers": one.answers, "lost": one.n_lost}
            for name, one in waits.items()
        },
        notes=(f"{arguments.calls} calls each, alternating; {harness.N_IDLE} warm processes; local models.",),
    )


if __name__ == "__main__":
    sys.exit(harness.main(harness.parser(__doc__, calls=20), measure, limit=1800))
