"""All processes that the registry runs on this host: which there are, which are wanted, and their common end."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from processes.definitions import Definition
from processes.definitions_file import Reading, read_definitions
from processes.errors import ClosingError, UnknownProcessError
from processes.groups import kill_member, session_of
from processes.process import Ended, Process, Snapshot
from processes.wishes import WishBook, Wishes

logger = logging.getLogger(__name__)

_SURE = 1.0
"""Seconds after which a definition that is still missing has been taken out. Editors empty a file and then write it."""

_LAST_TIMEOUT = 5.0
"""Seconds for processes to be gone after they were killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whose a process of this host is."""

    process_id: str
    leader: int
    """Number of the process that was started here; it may be the one that was asked for."""

    started_at: datetime
    """The leader."""


class Supervisor:
    """Runs the processes that a file defines.

    Call `open` on the event loop of the main thread: the kernel ends the processes when the thread that started them
    ends. Nothing of it may be called from another thread.

    Args:
        file: The file of agents.
        wishes: What operators wanted, over restarts.
        environment: Of the processes; their definitions add to it.
        utc: The date, for people.
        must_exist: Somebody has named the file, so that it is a mistake if it is not there.
        changed: Called with a process's id when a page would show something else of it now; with "" for the file.
        ended: Called at the end of a process, before what it started itself is ended.
        spread: Draws a number of 0 to 1 by lot.
        look_interval: Seconds between two looks at the file.
    """

    def __init__(
        self,
        file: Path,
        *,
        wishes: Wishes,
        environment: Mapping[str, str],
        utc: Callable[[], datetime],
        must_exist: bool = False,
        changed: Callable[[str], None] = lambda _: None,
        ended: Callable[[Ended], None] = lambda _: None,
        spread: Callable[[], float] = random.random,
        look_interval: float = 2.0,
    ) -> None:
        self.file = file.absolute()
        self.changed = changed
        self.ended = ended
        self._wishes = WishBook(wishes, utc=utc, changed=lambda: self.changed(""))
        self._environment = dict(environment)
        self._utc = utc
        self._must_exist = must_exist
        self._spread = spread
        self._look_interval = look_interval
        self._reading = Reading()
        self._missing_since: dict[str, float] = {}
        self._processes: dict[str, Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._is_closing = False

    async def open(self) -> None:
        """Read the wishes and the file, and start what is wanted. Raises what `Wishes.load` raises."""
        await self._wishes.load()
        await self.look()
        self._watching = asyncio.create_task(self._watch(), name="processes-watch")

    async def aclose(self, *, timeout: float = 30.0) -> None:
        """End all processes, and what they started. What is wanted stays as it is. May be called twice.

        Args:
            timeout: Seconds until those are killed that have not ended; each one's `stop_timeout` if that is shorter.
        """
        self._is_closing = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        for force, limit in ((False, timeout), (True, _LAST_TIMEOUT)):
            for process in self._processes.values():
                if not process.is_over:
                    process.stop(force=force)
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    while not all(process.is_over for process in self._processes.values()):  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._wishes.aclose()

    # -- looking

    @property
    def trouble(self) -> str | None:
        """What is wrong with the file, or with writing wishes down; None = nothing."""
        return self._reading.trouble or self._wishes.trouble

    def snapshots(self) -> list[Snapshot]:
        """All processes, in the order of the file."""
        return [process.snapshot() for process in self._processes.values()]

    def snapshot(self, process_id: str) -> Snapshot:
        """Raises `UnknownProcessError`."""
        return self._get(process_id).snapshot()

    def lines(self, process_id: str, n: int) -> list[str]:
        """The last lines that a process wrote. Raises `UnknownProcessError`."""
        return self._get(process_id).output.last(n)

    def find(self, pid: int) -> Found | None:
        """Which process has this number, or has started who has it."""
        leader: int | None = None
        for process_id, process in self._processes.items():
            if process.leader is None or process.started_at is None:
                continue
            leader = leader or session_of(pid) or pid
            if process.leader in (pid, leader):
                return Found(process_id=process_id, leader=process.leader, started_at=process.started_at)
        return None

    # -- what operators want

    async def start(self, process_id: str, *, by: str, reason: str) -> Snapshot:
        """Let it run, also after a restart of the registry. May be called twice.

        Raises:
            UnknownProcessError: The file does not define it.
            ClosingError: The registry is ending.
        """
        process = self._startable(process_id)
        process.start()
        return await self._wish(process, by=by, reason=reason, is_wanted=True)

    async def start_all(self, *, by: str, reason: str) -> list[Snapshot]:
        """Let all run. Raises `ClosingError`."""
        self._check_open()
        processes = [process for process in self._processes.values() if not process.is_retired]
        for process in processes:
            process.start()
        for process in processes:
            self._wishes.note(process.definition.process_id, by=by, reason=reason, is_wanted=True)
        await self._wishes.keep()
        return self.snapshots()

    async def restart(self, process_id: str, *, by: str, reason: str) -> Snapshot:
        """End it and start it again; start it if it does not run. Raises as `start`."""
        process = self._startable(process_id)
        process.restart()
        return await self._wish(process, by=by, reason=reason, is_wanted=True)

    async def stop(self, process_id: str, *, by: str, reason: str, force: bool = False) -> Snapshot:
        """Let it not run, also after a restart of the registry. May be called twice.

        Args:
            force: Kill it at once.

        Raises:
            UnknownProcessError: The file does not define it.
        """
        process = self._get(process_id)
        process.stop(force=force)
        return await self._wish(process, by=by, reason=reason, is_wanted=False)

    def kill_member(self, pid: int) -> bool:
        """SIGKILL to one process that a process of ours has started.

        Returns:
            Whether it was there, and is such a one.
        """
        leaders = [process.leader for process in self._processes.values() if process.leader is not None]
        return any(kill_member(pid, leader=leader) for leader in leaders if leader != pid)

    def _get(self, process_id: str) -> Process:
        process = self._processes.get(process_id)
        if process is None:
            raise UnknownProcessError(
                f"no process {process_id[:80]!r} is defined in {self.file}; add a table [agents.<id>] there"
            )
        return process

    def _startable(self, process_id: str) -> Process:
        self._check_open()
        process = self._get(process_id)
        if process.is_retired:
            raise UnknownProcessError(
                f"process {process_id!r} is not defined in {self.file} any more; put it back to start it"
            )
        return process

    def _check_open(self) -> None:
        if self._is_closing:
            raise ClosingError("the registry is ending and starts nothing; ask again when it is back")

    async def _wish(self, process: Process, *, by: str, reason: str, is_wanted: bool) -> Snapshot:
        self._wishes.note(process.definition.process_id, by=by, reason=reason, is_wanted=is_wanted)
        snapshot = process.snapshot()
        await self._wishes.keep()
        return snapshot

    # -- the file

    async def look(self) -> None:
        """Read the file if it has changed, and act on it."""
        async with self._looking:
            reading = await asyncio.to_thread(
                read_definitions, self.file, self._reading, must_exist=self._must_exist
            )
            if self._is_closing:
                return  # meanwhile
            if reading.trouble != self._reading.trouble and reading.trouble is not None:
                logger.warning("the file of agents is wrong", extra={"action": "processes.file"})
            is_news = reading is not self._reading
            self._reading = reading
            self._adopt(reading.definitions)
            if is_news:
                self.changed("")

    def _adopt(self, definitions: Mapping[str, Definition]) -> None:
        now = asyncio.get_running_loop().time()
        for definition in definitions.values():
            process = self._processes.get(definition.process_id)
            if process is None:
                self._add(definition)
                continue
            process.redefine(definition)
            if process.is_retired:
                process.is_retired = False
                self._start_if_wanted(process)
        for process_id in [found for found in self._processes if found not in definitions]:
            if now - self._missing_since.setdefault(process_id, now) >= _SURE:
                self._retire(process_id)
        for process_id in self._missing_since.keys() & definitions.keys():
            del self._missing_since[process_id]
        order = {process_id: number for number, process_id in enumerate(definitions)}
        self._processes = dict(
            sorted(self._processes.items(), key=lambda item: order.get(item[0], len(order)))
        )

    def _add(self, definition: Definition) -> None:
        process_id = definition.process_id
        process = Process(
            definition,
            environment=self._environment,
            utc=self._utc,
            spread=self._spread,
            changed=lambda: self.changed(process_id),
            ended=self.ended,
        )
        self._processes[process_id] = process
        self._start_if_wanted(process)
        self._tasks[process_id] = asyncio.create_task(process.run(), name=f"process-{process_id}")

    def _start_if_wanted(self, process: Process) -> None:
        wish = self._wishes.find(process.definition.process_id)
        if process.definition.autostart if wish is None else wish.is_wanted:
            process.start()

    def _retire(self, process_id: str) -> None:
        """End a process that is not defined any more, and forget it when it has ended."""
        process = self._processes[process_id]
        if not process.is_over:
            if not process.is_retired:
                process.is_retired = True
                process.stop()
            return
        del self._processes[process_id], self._missing_since[process_id]
        self._tasks.pop(process_id).cancel()
        self.changed(process_id)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look_interval)
            try:
                await self.look()
                await self._wishes.keep()
            except Exception:
                logger.exception(
                    "the file of agents could not be looked at", extra={"action": "processes.fault"}
                )
