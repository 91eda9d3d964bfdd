"""Stores the profiles of a file, all of them or those that are good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from registry.errors import ChangedError
from registry.profile_bundle import Entry, Outcome, read_bundle
from registry.session_records import ProfileRow

logger = logging.getLogger(__name__)

STORED = (Outcome.NEW, Outcome.REPLACES)
"""What there is to store of."""


class ImportStore(Protocol):
    """What the database does for profiles. Blocks; raises `StoreError`."""

    def all(self) -> list[ProfileRow]: ...
    def put_unless_changed(self, rows: Sequence[ProfileRow], seen: Mapping[str, datetime]) -> bool: ...


async def preview(profiles: ImportStore, data: bytes) -> list[Entry]:
    """What a file would do now.

    Raises:
        BadRequestError: The file as a whole cannot be used.
        StoreError: Nobody knows what is stored.
    """

    def read() -> list[Entry]:
        stored = {row.agent_id: row for row in profiles.all()}
        entries = read_bundle(data, {agent_id: row.profile for agent_id, row in stored.items()})
        return [
            replace(entry, seen=stored[entry.agent_id].updated_at)
            if entry.outcome is Outcome.REPLACES
            else entry
            for entry in entries
        ]

    return await asyncio.to_thread(read)


async def store_entries(
    profiles: ImportStore, entries: Sequence[Entry], *, now: datetime, by: str
) -> list[ProfileRow]:
    """Store those that are new or replace another one: all of them or none.

    Returns:
        What was stored.

    Raises:
        ChangedError: A profile is not any more what the entry was compared with.
        StoreError: The database fails.
    """
    rows = [
        ProfileRow(agent_id=entry.agent_id, profile=entry.profile, updated_at=now, updated_by=by)
        for entry in entries
        if entry.profile is not None and entry.outcome in STORED
    ]
    seen = {entry.agent_id: entry.seen for entry in entries if entry.seen is not None}
    if not await asyncio.to_thread(profiles.put_unless_changed, rows, seen):
        raise ChangedError(
            "the stored profiles have changed in the meantime, and nothing was stored; look again at what it would do"
        )
    logger.info("profiles are imported", extra={"action": "profile.import", "profiles": len(rows)})
    return rows
