"""Runs a command, and watches for a while what becomes of its agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import psutil

from cli.answers import Agent
from cli.client import Client, Query
from cli.errors import CommandError
from cli.following import Lost, News, follow

SETTLE_TIME = 3.0
"""Seconds after the command's end in which its agents' goodbyes and breaks are still seen. The registry calls an
agent offline 1.5 s after its line broke."""

_STOP_TIMEOUT = 10.0
"""Seconds that the command has to end after SIGTERM."""

_LOOK = 0.2
"""Seconds between two looks at the command's processes."""


class Family:
    """A process and all that came from it, also what has ended since."""

    def __init__(self, pid: int) -> None:
        self._pids = {pid}
        try:
            self._root: psutil.Process | None = psutil.Process(pid)
        except psutil.Error:
            self._root = None  # it has ended already

    def look(self) -> None:
        """Note who is there."""
        if self._root is None:
            return
        with suppress(psutil.Error, OSError):
            self._pids |= {child.pid for child in self._root.children(recursive=True)}

    def holds(self, pid: int) -> bool:
        self.look()
        return pid in self._pids


@dataclass(slots=True, kw_only=True)
class Trial:
    """One watch.

    Args:
        query: Which agents are asked for at the start; what changes is told of all.
        tell: Called with all news as they come.
        command: What to run; empty = nothing.
        duration: Seconds.
    """

    client: Client
    query: Query
    tell: Callable[[News], None]
    command: Sequence[str]
    duration: float
    family: Family | None = None
    """Processes of the command; None = it does not run yet."""

    exit_code: int | None = None
    """Of the command; None = it did not end by itself."""

    def is_of_command(self, agent: Agent, host: str) -> bool:
        """Whether an agent is a process of the command."""
        return (
            self.family is not None
            and agent.process_id is not None
            and agent.host == host
            and self.family.holds(agent.process_id)
        )

    async def run(self) -> None:
        """Watch until the time is over or the command has ended. Then the command is stopped, if it still runs.

        Raises:
            CommandError: The command cannot be started, or no registry answers.
        """
        is_live = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen(is_live), name="trial-listen")
                await is_live.wait()
                await self._play()
                listening.cancel()
        except* CommandError as group:
            raise group.exceptions[0] from None

    async def _listen(self, is_live: asyncio.Event) -> None:
        async with aclosing(follow(self.client, self.query)) as all_news:
            async for news in all_news:
                self.tell(news)
                if not isinstance(news, Lost):
                    is_live.set()

    async def _play(self) -> None:
        if not self.command:
            await asyncio.sleep(self.duration)
            return
        try:
            # Its output goes beside ours, not into it.
            process = await asyncio.create_subprocess_exec(*self.command, stdin=None, stdout=2)
        except OSError as error:
            raise CommandError(f"{self.command[0]!r} cannot be run: {error.strerror or error}") from error
        self.family = Family(process.pid)
        watching = asyncio.create_task(self._watch_family(self.family), name="trial-family")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.duration):
                    self.exit_code = await process.wait()
        finally:
            watching.cancel()
            await _stop(process)
        await asyncio.sleep(SETTLE_TIME)

    async def _watch_family(self, family: Family) -> None:
        while True:
            family.look()
            await asyncio.sleep(_LOOK)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end, and end it if it does not. Nothing happens to one that has ended."""
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_TIMEOUT):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
