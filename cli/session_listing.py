"""Sessions as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from cli.durations import between, duration, moment, zone
from cli.session_api import Session
from cli.shortened import Shortened
from cli.terminal import one_line, plain_table


def sessions_table(sessions: Iterable[Session]) -> Table:
    """One row for each session."""
    sessions = list(sessions)
    started = f"STARTED ({zone(one.started_at for one in sessions)})"
    table = plain_table(
        started, "ROOM", "AGENT", "LASTED", "HUMANS", "TURNS", "ENDED BY", "EXIT", "ID",
        whole=(started, "LASTED", "HUMANS", "TURNS", "EXIT"),
    )  # fmt: skip
    for one in sessions:
        table.add_row(
            moment(one.started_at),
            Shortened(one.room),
            Shortened(one.agent_id),
            _lasted(one),
            str(one.most_humans),
            str(one.turns),
            _end(one),
            "" if one.exit_code is None else str(one.exit_code),
            Shortened(one.id),
        )
    return table


def _lasted(session: Session) -> str:
    end = session.ended_at or session.heard_at
    return "" if end is None else duration(between(session.started_at, end))


def _end(session: Session) -> Text:
    if session.is_open:
        return Text("open", style="green")
    reason = session.close_reason or "nobody knows"
    return Text(one_line(reason), style="red" if reason in ("lost", "error") else "", overflow="fold")
