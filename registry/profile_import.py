"""Stores the profiles of a file, all of them or those that are good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from registry.profile_bundle import Entry, Outcome, read_bundle
from registry.session_records import ProfileRow

logger = logging.getLogger(__name__)

STORED = (Outcome.NEW, Outcome.REPLACES)
"""What there is to store of."""


class ImportStore(Protocol):
    """What the database does for profiles. Blocks; raises `StoreError`."""

    def all(self) -> list[ProfileRow]: ...
    def put_all(self, rows: Sequence[ProfileRow]) -> None: ...


async def preview(profiles: ImportStore, data: bytes) -> list[Entry]:
    """What a file would do now.

    Raises:
        BadRequestError: The file as a whole cannot be used.
        StoreError: Nobody knows what is stored.
    """

    def read() -> list[Entry]:
        return read_bundle(data, {row.agent_id: row.profile for row in profiles.all()})

    return await asyncio.to_thread(read)


async def store_entries(
    profiles: ImportStore, entries: Sequence[Entry], *, now: datetime, by: str
) -> list[ProfileRow]:
    """Store those that are new or replace another one: all of them or, when the database fails, none.

    Returns:
        What was stored.
    """
    rows = [
        ProfileRow(agent_id=entry.agent_id, profile=entry.profile, updated_at=now, updated_by=by)
        for entry in entries
        if entry.profile is not None and entry.outcome in STORED
    ]
    await asyncio.to_thread(profiles.put_all, rows)
    logger.info("profiles are imported", extra={"action": "profile.import", "profiles": len(rows)})
    return rows
