"""A ledger in memory: the second implementation of the seam, for logic in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from registry.errors import DatabaseError
from registry.records import AgentRow, Change


class MemoryLedger:
    """Everything is durable at once, unless `trouble` is set."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.rows: dict[str, AgentRow] = {}
        self.changes: list[Change] = []
        self.touched: list[str] = []

    def save(self, agent_id: str, row: Callable[[], AgentRow], change: Change | None) -> asyncio.Future[None]:
        self.rows[agent_id] = row()
        if change is not None:
            self.changes.append(change)
        return self._done()

    def note(self, change: Change) -> None:
        self.changes.append(change)

    def touch(self, agent_id: str) -> None:
        self.touched.append(agent_id)

    def remove(self, agent_id: str, change: Change) -> asyncio.Future[None]:
        self.rows.pop(agent_id, None)
        self.changes.append(change)
        return self._done()

    def _done(self) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.trouble is None:
            future.set_result(None)
        else:
            future.set_exception(DatabaseError(self.trouble))
            future.exception()
        return future
