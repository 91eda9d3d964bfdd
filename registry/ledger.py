"""The seam between what the registry knows and what is written down of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from registry.records import AgentRow, Change


class Ledger(Protocol):
    """Writes behind; nothing here waits. Real: `writer.Writer`."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written now; None = it can."""

    def save(self, agent_id: str, row: Callable[[], AgentRow], change: Change | None) -> asyncio.Future[None]:
        """Write an agent as it is, and a change of it.

        Args:
            row: The agent as it is when it is written. Several saves before that become one.

        Returns:
            Done when both are durable; `DatabaseError` when they cannot be written now. They are then still tried
            again. Nobody has to wait for it.
        """

    def note(self, change: Change) -> None:
        """Write a row of the history."""

    def touch(self, agent_id: str) -> None:
        """Its last heartbeat has changed, and nothing else. Written in a while."""

    def remove(self, agent_id: str, change: Change) -> asyncio.Future[None]:
        """Forget an agent, but for its history. Returns as `save`."""
