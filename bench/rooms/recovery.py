"""kill -9 of a call's process, or of its worker, until the caller has an agent again, who knows what was said."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench import harness
from bench.join_latency import QUESTION
from bench.rooms.figures import NEVER, Aim, Figures
from bench.rooms.stage import Fleet, Stage, agent_seen_at, parser, scenery, sides
from stack.attendance import Attendance, last_seen, most_agents
from stack.caller import Caller
from stack.errors import LateError
from stack.until import until_answered
from wire import DEFAULT_PROFILE

_ANSWER_LIMIT = 20.0
_COME_LIMIT = 20.0
"""Seconds after which an agent of ours counts as one that never came."""
_TURNS_LIMIT = 15.0
_AFTER = 3.0
"""Seconds after a recovery in which nobody else may come."""

Kill = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Killing:
    name: str
    victim: Callable[[Stage], Kill]
    """Finds it first, which takes time that nobody waits for an agent."""
    n_workers: int
    aim: Aim


def job_of_call(stage: Stage) -> Kill:
    _, job = stage.job()
    return job.kill


def worker_of_call(stage: Stage) -> Kill:
    """With all its processes."""
    worker, _ = stage.job()
    return worker.kill


KILLINGS = (
    Killing(name="job", victim=job_of_call, n_workers=1, aim=Aim(share=0.95, limit=1)),
    Killing(name="worker", victim=worker_of_call, n_workers=2, aim=Aim(share=0.95, limit=2)),
)


async def one(stage: Stage, killing: Killing, figures: Figures, *, what: str, watch: float) -> None:
    """A call with a question and its answer; the kill; what the caller and LiveKit's list see then.

    Args:
        watch: Seconds to wait for a new agent.
    """
    loop = asyncio.get_running_loop()
    room = stage.new_room()
    await stage.be_ready()
    joining_at = loop.time()
    async with stage.attendance(room, interval=0.015) as attendance, stage.caller(room) as caller:
        await talk(caller, joining_at)
        old, _ = await attendance.agent_in(room, timeout=1)
        old_incarnation = await stage.incarnation(room, old) if stage.fleet.is_kept else ""
        await asyncio.sleep(random.uniform(0, 1))  # beats and looks of the keeper have their own rhythm
        kill = killing.victim(stage)
        killed_at = loop.time()
        kill()
        attendance.dead.add(old)
        seen_at = await agent_seen_at(attendance, room, timeout=watch, than=old)
        figures.add(
            stage.name,
            f"{what}: new agent, s",
            NEVER if seen_at is None else seen_at - killed_at,
            aim=killing.aim,
        )
        first_audio = await heard_at(caller, attendance, room, old, after=killed_at)
        figures.add(
            stage.name, f"{what}: its first audio, s", first_audio - killed_at, aim=Aim(share=0.95, limit=2)
        )
        if stage.fleet.is_kept and seen_at is not None:
            incarnation = await stage.incarnation(room, attendance.living(room)[0])
            is_known, is_said = await continuation(stage, incarnation, old_incarnation)
            figures.add(stage.name, f"{what}: conversations lost", not is_known, aim=Aim(limit=0))
            figures.add(stage.name, f"{what}: greeted instead of explaining", not is_said, aim=Aim(limit=0))
        await asyncio.sleep(_AFTER)
        add_list(figures, stage, attendance, room, what=what, old=old, killed_at=killed_at)
    await stage.end(room)


def add_list(
    figures: Figures,
    stage: Stage,
    attendance: Attendance,
    room: str,
    *,
    what: str,
    old: str,
    killed_at: float,
) -> None:
    """What LiveKit's list says of the dead agent, and of how many there were."""
    now = asyncio.get_running_loop().time()
    looks = attendance.looks(room)
    ghost_until = last_seen(looks, old, end=now)
    figures.add(
        stage.name, f"{what}: the dead one on LiveKit's list, s", max(0.0, (ghost_until or 0.0) - killed_at)
    )
    figures.add(
        stage.name,
        f"{what}: most living agents at once",
        most_agents(looks, since=killed_at, end=now, dead=attendance.dead),
        aim=Aim(limit=1),
    )


async def talk(caller: Caller, joining_at: float) -> None:
    """Something to remember: a greeting, a question and its answer.

    Raises:
        LateError: Nothing was heard.
    """
    await caller.hear(after=joining_at, limit=_ANSWER_LIMIT)
    said = await caller.say(QUESTION)
    await caller.hear(after=said.ended_at, limit=_ANSWER_LIMIT)


async def heard_at(caller: Caller, attendance: Attendance, room: str, old: str, *, after: float) -> float:
    """When the new agent was first heard; `NEVER` when there is none, or it says nothing."""
    agents = [one for one in attendance.living(room) if one != old]
    if not agents:
        return NEVER
    try:
        _, at = await caller.hear_start(after=after, limit=_COME_LIMIT, speaker=agents[0])
    except LateError:
        return NEVER
    return at


async def continuation(stage: Stage, new: str, old: str) -> tuple[bool, bool]:
    """Whether the new session knows what was said in the old one, and whether it said something else than the greeting.

    Args:
        new: Incarnation.
        old: Likewise.
    """

    async def look() -> tuple[list[str], list[str]] | None:
        """Texts of the old session, and of the new one beyond them, once there are both."""
        try:
            before, all_of_it = await turns(stage, old), await turns(stage, new)
        except aiohttp.ClientResponseError:
            return None  # not reported yet
        if all_of_it[: len(before)] != before or len(all_of_it) == len(before):
            return None
        return before, all_of_it[len(before) :]

    try:
        before, after = await until_answered(
            look, timeout=_TURNS_LIMIT, what=f"the turns of {new}", interval=0.2
        )
    except LateError as error:
        harness.say(f"{stage.name}: {error}")
        return False, False
    has_answer = len(before) >= 2  # the question and its answer, whatever the model heard and said
    return has_answer, not any(text == DEFAULT_PROFILE.greeting for text in after)


async def turns(stage: Stage, incarnation: str) -> list[str]:
    """What was said in a session and in those that it goes on with, oldest first."""
    body: dict[str, Any] = await stage.registry.get(f"/api/sessions/{incarnation}/turns?limit=50")
    return [turn["text"] for turn in body["turns"]]


async def measure(arguments: argparse.Namespace) -> harness.Report:
    random.seed(arguments.seed)
    figures = Figures()
    async with scenery() as all_stages:
        for name, agent, n_runs in sides(arguments):
            is_ours = name == harness.OURS
            for has_webhooks in (True, False) if is_ours else (False,):
                for killing in KILLINGS:
                    what = f"{killing.name}, no webhooks" if is_ours and not has_webhooks else killing.name
                    fleet = Fleet(
                        name=name, agent=agent, n_workers=killing.n_workers, has_webhooks=has_webhooks
                    )
                    async with all_stages.stage(fleet) as stage:
                        for number in range(1, n_runs + 1):
                            await one(
                                stage,
                                killing,
                                figures,
                                what=what,
                                watch=_COME_LIMIT if is_ours else arguments.observe,
                            )
                            await revive(stage)
                            harness.say(f"{name}, {what}: {number} of {n_runs}")
    return figures.report(
        "From kill -9 until the caller has an agent again",
        notes=(
            f"LiveKit's list asked every 15 ms. LiveKit alone was watched for {arguments.observe:g} s after each kill. "
            "A killed agent is on LiveKit's list until it is removed or 20 s have passed; it is not counted as living.",
        ),
    )


async def revive(stage: Stage) -> None:
    """Start the workers again that were killed."""
    await stage.wait_until_idle()
    for worker in stage.workers:
        if not worker.child.is_running:
            await worker.start()


if __name__ == "__main__":
    options = parser(__doc__, runs=20, peer_runs=2, observe=30.0, seed=1)
    sys.exit(harness.main(options, measure, limit=5_400))
