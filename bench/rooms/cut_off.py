"""The registry loses sight of agents that are well: is any of them replaced?"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bench import harness
from bench.rooms.figures import Aim, Figures
from bench.rooms.stage import Fleet, Stage, scenery
from stack.attendance import Attendance, Look
from stack.until import until, until_answered

_COME_LIMIT = 20.0
_NONE = Aim(limit=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Calls that go on, each in a room of its own."""

    attendance: Attendance
    agents: dict[str, str]
    """By room: the identity of its agent."""

    def add_to(self, figures: Figures, what: str, *, since: float) -> None:
        """What has become of each call since a moment."""
        for room, agent in self.agents.items():
            looks = [look for look in since_then(self.attendance.looks(room), since) if look.is_known]
            others = {one for look in looks for one in look.agents} - {agent}
            was_always_there = all(agent in look.agents for look in looks)
            figures.add(harness.OURS, f"{what}: agents that came wrongly", len(others), aim=_NONE)
            figures.add(harness.OURS, f"{what}: calls that lost their agent", not was_always_there, aim=_NONE)


def since_then(looks: list[Look], since: float) -> list[Look]:
    """The look that held at `since`, and those after it."""
    before = [look for look in looks if look.at <= since]
    return before[-1:] + [look for look in looks if look.at > since]


@asynccontextmanager
async def calls(stage: Stage, n: int) -> AsyncIterator[Calls]:
    """`n` calls that the registry has seen."""
    rooms = [stage.new_room() for _ in range(n)]
    async with AsyncExitStack() as undo:
        attendance = await undo.enter_async_context(stage.attendance(*rooms, interval=0.1))
        for room in rooms:
            await undo.enter_async_context(stage.guest(room))
        await until(
            lambda: all(len(attendance.living(room)) == 1 for room in rooms),
            timeout=_COME_LIMIT,
            what=f"{n} agents",
        )

        async def are_seen() -> bool:
            agents = (await stage.registry.agents()).values()
            in_call = {
                agent["call"]["room"] for agent in agents if agent["call"] and agent["status"] == "running"
            }
            return set(rooms) <= in_call

        await until_answered(are_seen, timeout=_COME_LIMIT, what="the registry to see all calls")
        yield Calls(attendance=attendance, agents={room: attendance.living(room)[0] for room in rooms})
    await stage.end(*rooms)
    await stage.be_ready()


async def cut_network(
    stage: Stage, figures: Figures, arguments: argparse.Namespace, *, in_silence: bool
) -> None:
    """The worker and its calls cannot reach the registry for a while; LiveKit they can."""
    loop = asyncio.get_running_loop()
    async with calls(stage, arguments.calls) as those:
        cut_at = loop.time()
        if in_silence:
            stage.network.hold()
        else:
            await stage.network.refuse()
        await asyncio.sleep(arguments.cut)
        await stage.network.pass_on()
        await asyncio.sleep(arguments.after)
        what = f"network {'silent' if in_silence else 'refuses'} for {arguments.cut:g} s"
        those.add_to(figures, what, since=cut_at)


async def stop_registry(stage: Stage, figures: Figures, arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    async with calls(stage, arguments.down_calls) as those:
        killed_at = loop.time()
        stage.registry.kill()
        await asyncio.sleep(arguments.down)
        await stage.registry.start()
        await asyncio.sleep(arguments.after_down)
        those.add_to(figures, f"registry killed for {arguments.down:g} s", since=killed_at)


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures = Figures()
    fleet = Fleet(name=harness.OURS, agent=arguments.ours, has_proxy=True)
    n_rounds = -(-arguments.runs // arguments.calls)
    async with scenery() as all_stages, all_stages.stage(fleet) as stage:
        for number in range(n_rounds):
            await cut_network(stage, figures, arguments, in_silence=number % 2 == 0)
            harness.say(f"cut off: {number + 1} of {n_rounds}")
        if arguments.down > 0:
            await stop_registry(stage, figures, arguments)
    return figures.report(
        "Agents that the registry cannot see",
        notes=(
            "One value for each call. A TCP proxy stands between the registry and the worker with its calls; LiveKit "
            f"they reach directly. Watched for {arguments.after:g} s after the network is back and "
            f"{arguments.after_down:g} s after the registry is. LiveKit alone has no registry to lose.",
        ),
    )


if __name__ == "__main__":
    options = harness.parser(
        __doc__, runs=20, calls=2, cut=30.0, after=10.0, down=120.0, down_calls=5, after_down=30.0
    )
    sys.exit(harness.main(options, measure, limit=3_600))
