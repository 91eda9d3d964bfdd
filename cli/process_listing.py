"""Processes of the supervisor as a table, and one of them in a line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from cli.durations import moment, zone
from cli.process_api import Supervised
from cli.shortened import Shortened
from cli.terminal import one_line, plain_table

_COLOURS = {
    "RUNNING": "green",
    "STARTING": "cyan",
    "STOPPING": "cyan",
    "BACKOFF": "red",
    "EXITED": "yellow",
    "STOPPED": "bright_black",
}


def processes_table(processes: Iterable[Supervised]) -> Table:
    """One row for each process."""
    processes = list(processes)
    started = _column("STARTED", [one.started_at for one in processes])
    table = plain_table(
        "STATE", "ID", "NAME", "PID", "RESTARTS", started, "COMMAND", "TROUBLE",
        whole=("STATE", "PID", "RESTARTS", started),
    )  # fmt: skip
    for one in processes:
        table.add_row(
            Text(one_line(one.state.lower()), style=_COLOURS.get(one.state, "")),
            Shortened(one.id),
            one_line(one.name),
            str(one.pid or ""),
            str(one.restarts),
            moment(one.started_at) if one.started_at else "",
            one_line(one.command),
            Text(_trouble(one), style="red" if one.trouble else "", overflow="fold"),
        )
    return table


def process_line(process: Supervised) -> str:
    """How one process is, in a few words: ``worker-1 is starting (process 4711)``."""
    number = f" (process {process.pid})" if process.pid else ""
    trouble = f": {one_line(process.trouble)}" if process.trouble else ""
    return f"{one_line(process.id)} is {one_line(process.state.lower())}{number}{trouble}"


def _trouble(process: Supervised) -> str:
    texts = [process.trouble] if process.trouble else []
    if process.exit_code is not None and process.pid is None:
        texts.append(f"exit code {process.exit_code}")
    if process.retry_at is not None:
        texts.append(f"next try at {moment(process.retry_at)}")
    return one_line("; ".join(texts))


def _column(name: str, moments: Iterable[datetime | None]) -> str:
    named = zone(at for at in moments if at is not None)
    return f"{name} ({named})" if named else name
