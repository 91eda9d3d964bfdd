"""Writes agents and their history to the database, behind everybody's back but never out of sight.

One commit for all that wait (a group commit): while a transaction runs, whatever comes collects for the next one.
Last heartbeats are of no use after a crash but to people, so they follow in small portions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from registry.clock import Clock
from registry.errors import DatabaseError
from registry.records import AgentRow, Change
from registry.store import StoreError

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

TOUCH_INTERVAL = 1.5
"""Seconds between two portions of last heartbeats."""

TOUCH_PORTION = 200
"""Last heartbeats in one transaction: a longer one would be felt by those who wait for theirs."""

TOUCH_MOST = 2_000
"""Last heartbeats written in one round. A larger fleet's are written less often, oldest first."""

MAX_ROWS = 2_000
"""Agents in one transaction."""

MAX_CHANGES = 50_000
"""Rows of the history that are kept in memory while the database is away. The oldest are dropped then."""

RETRY_INTERVAL = 1.0
"""Seconds between two tries to write to a database that fails."""

PRUNE_INTERVAL = 3_600.0


class Database(Protocol):
    """What of the store is written through. It blocks, and is called from one thread only."""

    def save(self, rows: list[AgentRow], changes: list[Change]) -> None: ...
    def touch(self, heard: list[tuple[str, datetime]]) -> None: ...
    def remove(self, agent_id: str) -> None: ...
    def prune(self, before: datetime) -> int: ...


class Writer:
    """The ledger on a database. `run` must run.

    Args:
        database: Blocks.
        clock: The registry's.
        heard_at: The date of an agent's last beat; None = it is not known any more.
        history_days: Days that rows of the history are kept.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        heard_at: Callable[[str], datetime | None],
        history_days: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._heard_at = heard_at
        self._history_days = history_days
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roomkeeper-writer")
        self._rows: dict[str, Callable[[], AgentRow]] = {}
        self._changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self._removed: dict[str, None] = {}
        self._touched: dict[str, None] = {}
        self._waiting: asyncio.Future[None] | None = None
        self._work = asyncio.Event()
        self._trouble: str | None = None
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when the database begins or ends to fail."""

    @property
    def trouble(self) -> str | None:
        return self._trouble

    @property
    def n_unsaved(self) -> int:
        """Agents and rows of the history that wait to be written."""
        return len(self._rows) + len(self._changes) + len(self._removed)

    def save(self, agent_id: str, row: Callable[[], AgentRow], change: Change | None) -> asyncio.Future[None]:
        self._rows[agent_id] = row
        self._removed.pop(agent_id, None)
        self._touched.pop(agent_id, None)
        if change is not None:
            self._changes.append(change)
        return self._wait()

    def note(self, change: Change) -> None:
        self._changes.append(change)
        self._work.set()

    def touch(self, agent_id: str) -> None:
        self._touched[agent_id] = None

    def remove(self, agent_id: str, change: Change) -> asyncio.Future[None]:
        self._rows.pop(agent_id, None)
        self._touched.pop(agent_id, None)
        self._removed[agent_id] = None
        self._changes.append(change)
        return self._wait()

    async def run(self) -> None:
        """For ever: commit what waits, and last heartbeats in between."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._touch_for_ever(), name="registry-touch")
            tasks.create_task(self._prune_for_ever(), name="registry-prune")
            while True:
                await self._work.wait()
                if not await self.flush():
                    await asyncio.sleep(RETRY_INTERVAL)

    async def flush(self) -> bool:
        """Commit what waits now.

        Returns:
            Whether the database took it.
        """
        waiting, self._waiting = self._waiting, None
        ids = list(self._rows)[:MAX_ROWS]
        builders = [self._rows.pop(agent_id) for agent_id in ids]
        changes, removed = list(self._changes), list(self._removed)
        self._changes.clear()
        self._removed.clear()
        if not self._rows:
            self._work.clear()
        try:
            rows = [build() for build in builders]
            await self._call(lambda: self._write(rows, changes, removed))
        except StoreError as error:
            self._take_back(dict(zip(ids, builders, strict=True)), changes, removed)
            self._fails(str(error))
            if waiting is not None:
                waiting.set_exception(DatabaseError(f"not written down: {error}", retry_after=RETRY_INTERVAL))
            return False
        except Exception as error:
            # Not taken back: what nobody foresaw would fail again, and keep all others waiting for ever.
            logger.exception(
                "agents could not be written", extra={"action": "database.stumbled", "agents": ids}
            )
            if waiting is not None:
                waiting.set_exception(
                    DatabaseError(f"not written down: {type(error).__name__}; see the registry's log")
                )
            return False
        self._works()
        if self._rows and waiting is not None:
            self._hand_on(waiting)  # more rows than fit into one transaction
        elif waiting is not None:
            waiting.set_result(None)
        return True

    async def aclose(self) -> None:
        """Write what is left, once, and end the thread. After `run` was cancelled."""
        while self.n_unsaved:
            if not await self.flush():
                logger.error(
                    "the registry ends with changes that could not be written down",
                    extra={"action": "database.lost", "changes": self.n_unsaved},
                )
                break
        self._thread.shutdown(wait=False)

    async def _touch_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_INTERVAL)
            left = TOUCH_MOST
            while self._touched and left > 0 and self._trouble is None:
                ids = list(self._touched)[:TOUCH_PORTION]
                left -= len(ids)
                for agent_id in ids:
                    del self._touched[agent_id]
                heard = [(agent_id, at) for agent_id in ids if (at := self._heard_at(agent_id)) is not None]
                try:
                    await self._call(lambda heard=heard: self._database.touch(heard))  # type: ignore[misc]
                except StoreError as error:
                    self._fails(str(error))
                    self._work.set()  # to find out when it works again

    async def _prune_for_ever(self) -> None:
        while True:
            before = self._clock.utc() - timedelta(days=self._history_days)
            try:
                # Not in the writer's thread: the pauses between its portions are for those who wait for theirs.
                n_rows = await asyncio.to_thread(self._database.prune, before)
            except StoreError as error:
                logger.warning("old history stays", extra={"action": "database.prune", "error": str(error)})
            else:
                logger.debug("old history is gone", extra={"action": "database.prune", "rows": n_rows})
            await asyncio.sleep(PRUNE_INTERVAL)

    def _write(self, rows: list[AgentRow], changes: list[Change], removed: list[str]) -> None:
        """In the thread."""
        self._database.save(rows, changes)
        for agent_id in removed:
            self._database.remove(agent_id)

    async def _call(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _wait(self) -> asyncio.Future[None]:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
            # Nobody may be waiting: its exception was told by the log.
            self._waiting.add_done_callback(lambda future: future.cancelled() or future.exception())
            self._work.set()
        return self._waiting

    def _hand_on(self, waiting: asyncio.Future[None]) -> None:
        """Let those who waited wait for the next transaction too."""
        self._work.set()
        self._wait().add_done_callback(lambda done: _copy(done, waiting))

    def _take_back(
        self, rows: dict[str, Callable[[], AgentRow]], changes: list[Change], removed: list[str]
    ) -> None:
        self._rows = {**rows, **self._rows}
        self._changes.extendleft(reversed(changes))
        self._removed = {
            **{agent_id: None for agent_id in removed if agent_id not in self._rows},
            **self._removed,
        }
        self._work.set()

    def _fails(self, why: str) -> None:
        if self._trouble is None:
            logger.error(
                "the database cannot be written; known agents go on, new and changed ones are asked to wait",
                extra={"action": "database.failed", "error": why},
            )
        self._trouble = why
        self.on_trouble()

    def _works(self) -> None:
        if self._trouble is not None:
            logger.info("the database can be written again", extra={"action": "database.recovered"})
            self._trouble = None
            self.on_trouble()


def _copy(done: asyncio.Future[None], waiting: asyncio.Future[None]) -> None:
    if waiting.done():
        return
    error = None if done.cancelled() else done.exception()
    if error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(None)
