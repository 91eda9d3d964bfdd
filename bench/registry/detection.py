"""How soon the registry shows that an agent has died, was cut off, hangs or stopped. With real senders."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import harness
from bench.registry.beside import beside
from bench.registry.cores import pin_myself
from bench.registry.member import command
from bench.registry.network import HERE, OtherHost
from bench.registry.options import parser
from bench.registry.server import Agent, Registry
from stack.children import Child
from stack.until import until, until_answered

_TOKEN = "only-for-this-benchmark"
_READY_TIMEOUT = 30.0
_LIMIT = 40.0
"""Seconds until something counts as never shown: longer than the registry's TTL."""

_PHASE = 3.0
"""Seconds over which moments are spread: the time between two pings on a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """Something that happens to an agent, and what must be shown then."""

    name: str
    happens: Callable[[Child, OtherHost | None], Awaitable[None]]
    shown_as: Sequence[tuple[str, Callable[[Agent], bool]]]
    on_other_host: bool = False


async def dies(child: Child, _: OtherHost | None) -> None:
    child.signal(signal.SIGKILL)


async def hangs(child: Child, _: OtherHost | None) -> None:
    child.signal(signal.SIGUSR1)


async def stops(child: Child, _: OtherHost | None) -> None:
    child.signal(signal.SIGTERM)


async def is_cut_off(_: Child, host: OtherHost | None) -> None:
    assert host is not None
    await host.cut()


MISHAPS = (
    Mishap(
        name="kill -9",
        happens=dies,
        shown_as=(
            ("suspect", lambda agent: agent.suspect or agent.status == "offline"),
            ("offline", lambda agent: agent.status == "offline"),
        ),
    ),
    Mishap(
        name="dead host",
        happens=is_cut_off,
        shown_as=(("offline", lambda agent: agent.status == "offline"),),
        on_other_host=True,
    ),
    Mishap(
        name="main loop blocked",
        happens=hangs,
        shown_as=(("warning or error", lambda agent: agent.status in ("warning", "error")),),
    ),
    Mishap(
        name="SIGTERM",
        happens=stops,
        shown_as=(("stopped", lambda agent: agent.status == "stopped"),),
    ),
)


class Watch:
    """All that the stream of changes tells, with the moment at which it came."""

    def __init__(self) -> None:
        self.is_open = False
        self.seen: list[tuple[datetime, Agent]] = []

    async def run(self, registry: Registry) -> None:
        async for event in registry.events():
            self.is_open = True
            self.seen += [(event.at, agent) for agent in event.agents]

    def first(self, agent_id: str, since: datetime, is_it: Callable[[Agent], bool]) -> datetime | None:
        for at, agent in self.seen:
            if agent.agent_id == agent_id and at >= since and is_it(agent):
                return at
        return None


@asynccontextmanager
async def watching(registry: Registry) -> AsyncIterator[Watch]:
    watch = Watch()
    async with beside(watch.run(registry), name="watch") as task:
        await until(
            lambda: watch.is_open or task.done(), timeout=_READY_TIMEOUT, what="the stream of changes"
        )
        yield watch
        task.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where it happens."""

    folder: Path
    registry: Registry
    watch: Watch
    host: OtherHost | None
    """Where the agents run; None = on this one."""


async def one(mishap: Mishap, scene: Scene, agent_id: str) -> dict[str, float]:
    """Seconds until each thing that must be shown was shown, once."""
    registry, watch, host = scene.registry, scene.watch, scene.host
    start = command(url=registry.url, agent_id=agent_id)
    child = Child(
        host.command(start) if host is not None else start,
        name=agent_id,
        log=scene.folder / f"{agent_id}.log",
        env={"REGISTRY_TOKEN": registry.token, "ROOMKEEPER_HOME": str(scene.folder)},
    )

    async def is_on_line() -> bool:
        return any(agent.has_line and agent.agent_id == agent_id for agent in await registry.agents())

    async with child:
        await until_answered(is_on_line, timeout=_READY_TIMEOUT, what=f"the line of {agent_id}")
        await asyncio.sleep(1 + random.uniform(0, _PHASE))
        since = datetime.now(UTC)
        await mishap.happens(child, host)
        took = {}
        for name, is_it in mishap.shown_as:
            at = await until(
                lambda is_it=is_it: watch.first(agent_id, since, is_it),  # type: ignore[misc]
                timeout=_LIMIT,
                what=f"{agent_id} to be shown as {name}",
            )
            took[name] = (at - since).total_seconds()
        child.kill()  # a blocked one would not hear anything else
    return took


async def all_of(mishap: Mishap, folder: Path, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """One mishap again and again, in a registry of its own."""
    took: dict[str, list[float]] = {}
    async with other_host(mishap) as host:
        bind = "127.0.0.1" if host is None else HERE
        async with (
            Registry(folder, arguments.command, host=bind, token=_TOKEN) as registry,
            watching(registry) as watch,
        ):
            scene = Scene(folder=folder, registry=registry, watch=watch, host=host)
            for number in range(1, arguments.runs + 1):
                agent_id = f"{mishap.name.replace(' ', '-')}-{number}"
                for name, seconds in (await one(mishap, scene, agent_id)).items():
                    took.setdefault(f"{mishap.name} → {name}", []).append(seconds)
                if host is not None:
                    await host.mend()
    return took


def other_host(mishap: Mishap) -> AbstractAsyncContextManager[OtherHost | None]:
    return OtherHost() if mishap.on_other_host else nullcontext()


async def measure(arguments: argparse.Namespace) -> harness.Report:
    pin_myself()
    took: dict[str, list[float]] = {}
    for mishap in MISHAPS:
        with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
            took |= await all_of(mishap, Path(root), arguments)
        harness.say(f"{mishap.name}: measured")
    return harness.Report(
        title="From what happens to an agent until the stream of changes shows it",
        columns=("what", "times", "median s", "longest s"),
        rows=[
            (name, str(len(each)), f"{harness.median(each):.2f}", f"{max(each):.2f}")
            for name, each in took.items()
        ],
        raw=took,
        notes=[
            "One agent with a line at a time, at a moment drawn between two pings. The dead host is a network "
            "namespace whose cable is cut. The stream gathers changes for up to 100 ms.",
        ],
    )


if __name__ == "__main__":
    sys.exit(harness.main(parser(__doc__, quick={"runs": 2}, runs=10), measure, limit=1_800))
