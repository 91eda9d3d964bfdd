"""Writes agents and their history to the database, behind everybody's back but never out of sight.

One commit for all that wait (a group commit): while a transaction runs, whatever comes collects for the next one.
Last heartbeats are of no use after a crash but to people, so they follow in small portions.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from registry.clock import Clock
from registry.errors import DatabaseError
from registry.records import AgentRow, Change
from registry.store import StoreError

logger = logging.getLogger(__name__)

TOUCH_INTERVAL = 1.5
"""Seconds between two portions of last heartbeats."""

TOUCH_PORTION = 200
"""Last heartbeats in one transaction: a longer one would be felt by those who wait for theirs."""

TOUCH_MOST = 2_000
"""Last heartbeats written in one round. A larger fleet's are written less often, oldest first."""

MAX_CHANGES = 50_000
"""Rows of the history that are kept in memory while the database is away. The oldest are dropped then."""

RETRY_INTERVAL = 1.0
"""Seconds between two tries to write to a database that fails."""

HANGS = 5.0
"""Seconds after which a transaction that has not ended counts as trouble. It is waited for all the same."""

CLOSE_TIMEOUT = 5.0
"""Seconds to write what is left when the registry ends."""

PRUNE_INTERVAL = 3_600.0


class Database(Protocol):
    """What of the store is written through. It blocks, and is called from one thread only."""

    def save(self, rows: list[AgentRow], changes: list[Change], removed: list[str]) -> None: ...
    def touch(self, heard: list[tuple[str, datetime]]) -> None: ...
    def ping(self) -> None: ...
    def prune(self, before: datetime) -> int: ...


@dataclass(slots=True, kw_only=True)
class _Batch:
    """One transaction."""

    rows: dict[str, Callable[[], AgentRow]]
    changes: list[Change]
    removed: list[str]
    waiting: asyncio.Future[None] | None
    built: list[AgentRow] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.built or self.changes or self.removed)


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
        self._in_flight: tuple[_Batch, asyncio.Future[None]] | None = None
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
        """Commit what waits now; with nothing to commit, see whether the database is there.

        Returns:
            Whether it was.
        """
        batch = self._take()
        self._in_flight = (
            batch,
            asyncio.get_running_loop().run_in_executor(self._thread, self._write, batch),
        )
        return await self._finish()

    async def aclose(self) -> None:
        """Write what is left, once, within `CLOSE_TIMEOUT`, and end the thread. After `run` was cancelled."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                if self._in_flight is not None:
                    await self._finish()
                while self.n_unsaved and await self.flush():
                    pass
        except TimeoutError:
            logger.debug("the database did not answer at the end")
        if self.n_unsaved or self._in_flight is not None:
            logger.error(
                "the registry ends with changes that could not be written down",
                extra={"action": "database.lost", "changes": self.n_unsaved},
            )
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self) -> _Batch:
        """What waits, as one transaction."""
        waiting, self._waiting = self._waiting, None
        rows, self._rows = self._rows, {}
        batch = _Batch(
            rows=rows,
            changes=list(self._changes),
            removed=list(self._removed),
            waiting=waiting,
        )
        self._changes.clear()
        self._removed.clear()
        self._work.clear()
        for agent_id, build in batch.rows.items():
            try:
                batch.built.append(build())
            except Exception:
                # Not tried again: what nobody foresaw would fail again, and keep all others waiting for ever.
                logger.exception(
                    "an agent cannot be written", extra={"action": "database.stumbled", "agent_id": agent_id}
                )
        return batch

    async def _finish(self) -> bool:
        """Wait for the transaction under way. Whoever waits for a database that hangs is told so, and may go."""
        assert self._in_flight is not None  # noqa: S101  # both callers have just looked
        batch, work = self._in_flight
        done, _ = await asyncio.wait({work}, timeout=HANGS)
        while not done:
            self._fails(f"it has not answered for {HANGS:g} s")
            self._refuse(batch.waiting)
            self._refuse(self._waiting)
            batch.waiting = self._waiting = None
            done, _ = await asyncio.wait({work}, timeout=RETRY_INTERVAL)
        self._in_flight = None
        error = work.exception()
        if error is None:
            self._works()
            self._acknowledge(batch.waiting)
            return True
        if isinstance(error, StoreError):
            self._take_back(batch)
            self._fails(str(error))
        else:
            logger.error("agents could not be written", exc_info=error, extra={"action": "database.stumbled"})
        self._refuse(batch.waiting, str(error))
        return False

    def _acknowledge(self, waiting: asyncio.Future[None] | None) -> None:
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _refuse(self, waiting: asyncio.Future[None] | None, why: str | None = None) -> None:
        if waiting is not None and not waiting.done():
            why = why or self._trouble or "see the registry's log"
            waiting.set_exception(DatabaseError(f"not written down: {why}", retry_after=RETRY_INTERVAL))

    async def _touch_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_INTERVAL)
            try:
                await self._touch_some()
            except StoreError as error:
                self._fails(str(error))
                self._work.set()  # to find out when it works again
            except Exception:
                logger.exception("last heartbeats were not written", extra={"action": "database.stumbled"})

    async def _touch_some(self) -> None:
        """Write some of the last heartbeats, and see that the database is still there."""
        if self._trouble is not None:
            return
        await self._call(self._database.ping)
        left = TOUCH_MOST
        while self._touched and left > 0:
            ids = list(itertools.islice(self._touched, TOUCH_PORTION))
            left -= len(ids)
            for agent_id in ids:
                del self._touched[agent_id]
            heard = [(agent_id, at) for agent_id in ids if (at := self._heard_at(agent_id)) is not None]
            await self._call(functools.partial(self._database.touch, heard))

    async def _prune_for_ever(self) -> None:
        while True:
            before = self._clock.utc() - timedelta(days=self._history_days)
            try:
                # Not in the writer's thread: the pauses between its portions are for those who wait for theirs.
                n_rows = await asyncio.to_thread(self._database.prune, before)
            except Exception as error:  # noqa: BLE001  # it is tried again in an hour, whatever it was
                logger.warning("old history stays", extra={"action": "database.prune", "error": str(error)})
            else:
                logger.debug("old history is gone", extra={"action": "database.prune", "rows": n_rows})
            await asyncio.sleep(PRUNE_INTERVAL)

    def _write(self, batch: _Batch) -> None:
        """In the thread."""
        if batch.is_empty:
            self._database.ping()
        else:
            self._database.save(batch.built, batch.changes, batch.removed)

    async def _call(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _wait(self) -> asyncio.Future[None]:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
            # Nobody may be waiting: its exception was told by the log.
            self._waiting.add_done_callback(lambda future: future.cancelled() or future.exception())
            self._work.set()
        return self._waiting

    def _take_back(self, batch: _Batch) -> None:
        self._rows = {**batch.rows, **self._rows}
        self._changes = deque([*batch.changes, *self._changes], maxlen=MAX_CHANGES)
        self._removed = {
            **{agent_id: None for agent_id in batch.removed if agent_id not in self._rows},
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
