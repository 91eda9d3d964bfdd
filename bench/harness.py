"""What all benchmarks share: both agents on the same machine in the same run, statistics, the report."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import math
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from stack.caller import Caller
from stack.errors import StackError
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until
from stack.worker import Worker

OURS = "roomkeeper"
PEER = "plain agent"
AGENTS = {OURS: Path("agent.py"), PEER: Path("bench/plain_agent.py")}
"""What is measured, by path: both sides run through the same code."""

N_IDLE = 2
"""Warm processes of both workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One agent with a LiveKit server of its own, so that no call can go to the other."""

    name: str
    server: LiveKitServer
    worker: Worker
    rooms: Rooms
    models: LocalModels

    def caller(self, room: str, identity: str = "guest") -> Caller:
        return Caller(self.server.address, room, identity)

    async def end_call(self, room: str) -> None:
        """Delete `room`, and `be_ready`."""
        await self.rooms.delete(room)
        await self.be_ready()

    async def be_ready(self) -> None:
        """Wait until the worker is as it was before any call: no job, all idle processes warm.

        And not full: a plain worker calls itself full while the processor is busy, and then gets no calls.
        """
        await self.wait_until_idle()
        await self.worker.wait_until_warm(N_IDLE)

    async def wait_until_idle(self, *, timeout: float = 60) -> None:
        await until(
            lambda: not self.worker.jobs(), timeout=timeout, what=f"{self.name} to be idle", interval=0.2
        )


class Bench:
    """Both sides up and warm, with one set of models, as a context manager.

    Args:
        agents: Path of each side's agent.
        env: More variables for the workers.
        departure_timeout: Seconds, of both servers; None = LiveKit's default.
    """

    def __init__(
        self,
        agents: Mapping[str, Path] = AGENTS,
        *,
        env: Mapping[str, str] | None = None,
        departure_timeout: int | None = None,
    ) -> None:
        self.sides: list[Side] = []
        self._agents = agents
        self._env = {"IDLE_PROCESSES": str(N_IDLE), **(env or {})}
        self._departure_timeout = departure_timeout
        self._undo = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            root = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="roomkeeper-bench-")))
            models = await undo.enter_async_context(LocalModels(folder=root))
            for name, path in self._agents.items():
                folder = root / name.replace(" ", "-")
                folder.mkdir()
                server = await undo.enter_async_context(
                    LiveKitServer(folder=folder, departure_timeout=self._departure_timeout)
                )
                worker = await undo.enter_async_context(
                    Worker(
                        server.address,
                        models_url=models.url,
                        command=(sys.executable, str(path), "start"),
                        env=self._env,
                        folder=folder,
                    )
                )
                rooms = await undo.enter_async_context(Rooms(server.address))
                self.sides.append(Side(name=name, server=server, worker=worker, rooms=rooms, models=models))
                say(f"{name}: up")
            for side in self.sides:
                await side.be_ready()
            self._undo = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._undo.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    raw: Mapping[str, Any]
    """All single values, for the JSON file."""
    notes: Sequence[str] = ()

    def as_markdown(self) -> str:
        lines = [f"## {self.title}", "", f"{today()}, {machine()}", ""]
        lines += [_row(self.columns), _row(["---"] * len(self.columns)), *map(_row, self.rows)]
        lines += ["", *self.notes] if self.notes else []
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "date": today(), "machine": machine(), "values": self.raw}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float], digits: int = 2) -> list[str]:
    """p50 and p95 as text."""
    return [f"{percentile(values, share):.{digits}f}" for share in (0.5, 0.95)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else math.nan


def pss_mb(process: psutil.Process) -> float:
    """Memory of a process, with its share of what it shares, in megabytes; 0 when it has ended."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def machine() -> str:
    """Cores and model of this machine's processor."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}"


def parser(description: str | None, **numbers: float) -> argparse.ArgumentParser:
    """The options of all benchmarks; `numbers` are more of them with their defaults."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--json", type=Path, metavar="FILE", help="write all values there")
    for name, path in AGENTS.items():
        option = "--ours" if name == OURS else "--peer"
        options.add_argument(option, type=Path, default=path, metavar="PATH", help=f"default: {path}")
    for number, default in numbers.items():
        options.add_argument(
            f"--{number.replace('_', '-')}", type=type(default), default=default, help=f"default: {default:g}"
        )
    return options


def agents_of(arguments: argparse.Namespace) -> dict[str, Path]:
    return {OURS: arguments.ours, PEER: arguments.peer}


def main(
    options: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace], Awaitable[Report]],
    *,
    limit: float,
) -> int:
    """Run one benchmark as a program, and print its report.

    Args:
        limit: Seconds after which it is given up.
    """
    arguments = options.parse_args()

    async def bounded() -> Report:
        async with asyncio.timeout(limit):
            return await measure(arguments)

    try:
        report = asyncio.run(bounded())
    except (StackError, TimeoutError) as error:
        print(f"error: {error or f'took over {limit:g} s'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(report.as_markdown())
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    return 0


def say(line: str) -> None:
    """Progress, apart from the report."""
    print(line, file=sys.stderr, flush=True)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
