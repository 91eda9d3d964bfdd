"""Processes of the registry's host, as the API tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from processes import Snapshot


class ProcessView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A process of the registry's host."""

    id: str
    name: str
    command: str
    """For people; secrets of its environment are masked."""

    state: str
    """`STOPPED`, `STARTING`, `RUNNING`, `BACKOFF`, `STOPPING` or `EXITED`."""

    wanted: str
    """`running` or `stopped`."""

    pid: int | None
    started_at: datetime | None
    exit_code: int | None
    """Of the last one; negative = ended by this signal."""

    restarts: int
    """Starts by itself since somebody started it."""

    retry_at: datetime | None
    """When it is started again, in `BACKOFF`."""

    trouble: str | None
    row_ids: tuple[str, ...]
    """Agents that are this process, or were started by it."""


class ProcessList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All processes, in the order of the file."""

    processes: list[ProcessView]
    file: str
    trouble: str | None
    """What is wrong with the file; what it said before counts."""


class ForceStopped(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of it."""

    killed: bool
    said: str


def process_view(snapshot: Snapshot, rows: Mapping[str, tuple[str, ...]]) -> ProcessView:
    """One process.

    Args:
        rows: By process id, ids of the agents that it is or has started.
    """
    return ProcessView(
        id=snapshot.process_id,
        name=snapshot.name,
        command=snapshot.command,
        state=snapshot.state.value,
        wanted="running" if snapshot.is_wanted else "stopped",
        pid=snapshot.pid,
        started_at=snapshot.started_at,
        exit_code=snapshot.exit_code,
        restarts=snapshot.restarts,
        retry_at=snapshot.retry_at,
        trouble=snapshot.trouble,
        row_ids=rows.get(snapshot.process_id, ()),
    )
