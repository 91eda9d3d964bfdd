"""Supervisors with real processes, of which none is left after the test."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from processes import Ended, State, Supervisor
from tests.processes.fakes import MemoryWishes
from tests.processes.programs import program

ANN: Any = {"by": "ann", "reason": "test"}
"""Who asks the supervisor for something, and why."""


class Host:
    """A file of agents and the supervisors that read it.

    `changed` and `ended` are what they told; `wishes` outlives them.
    """

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.file = folder / "agents.toml"
        self.wishes = MemoryWishes()
        self.changed: list[str] = []
        self.ended: list[Ended] = []
        self._stack = stack

    def define(self, **agents: Any) -> None:
        """Write the file: each agent is the text of its program, or a dict of its keys."""
        blocks = []
        for process_id, keys in agents.items():
            table: dict[str, Any] = {"command": keys} if isinstance(keys, str) else dict(keys)
            command = table.get("command")
            if isinstance(command, str) and "\n" in command:
                table["command"] = program(command)
            env = table.pop("env", {})
            lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
            lines += [f"env.{name} = {json.dumps(value)}" for name, value in env.items()]
            blocks.append("\n".join([f"[agents.{process_id}]", *lines]))
        self.write("\n".join(blocks))

    def write(self, text: str) -> None:
        """Write the file, with another date than before on any clock."""
        later = self.file.stat().st_mtime_ns + 1_000_000_000 if self.file.exists() else time.time_ns()
        self.file.write_text(text)
        os.utime(self.file, ns=(later, later))

    async def open(self, **options: Any) -> Supervisor:
        """A supervisor, closed after the test."""
        usual: dict[str, Any] = {
            "environment": {"PATH": os.environ["PATH"]},
            "spread": lambda: 0.0,
            "look_interval": 0.1,
            "changed": self.changed.append,
            "ended": self.ended.append,
        }
        supervisor = Supervisor(
            self.file,
            wishes=self.wishes,
            utc=lambda: datetime.now(UTC),
            **(usual | options),
        )
        self._stack.push_async_callback(supervisor.aclose, timeout=0.0)
        await supervisor.open()
        return supervisor


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    async with AsyncExitStack() as stack:
        yield Host(tmp_path, stack)
    left = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    assert left == []


async def until(look: Callable[[], bool]) -> None:
    """Wait until something is so; the test's own time limit ends it."""
    while not look():  # noqa: ASYNC110  # processes have no events
        await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process is there, and not only its end."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def state(supervisor: Supervisor, process_id: str = "a") -> State:
    return supervisor.snapshot(process_id).state


async def here(supervisor: Supervisor, process_id: str = "a") -> int:
    """Wait until the process has said `here`; its number."""
    await until(lambda: "here" in supervisor.lines(process_id, 500))
    pid = supervisor.snapshot(process_id).pid
    assert pid is not None
    return pid
