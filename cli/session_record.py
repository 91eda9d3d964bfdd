"""One session's record as tables: what happened, how long people waited, what its models cost."""

from __future__ import annotations

from rich.table import Table

from cli.durations import between, duration, moment, zone
from cli.session_api import Costs, SessionRecord, Spread, Waits
from cli.terminal import one_line, plain_table
from wire import EVENT_KINDS

_WAITS = {
    "first_audio": "first words after joining",
    "total": "answer after the end of speech",
    "stt": "hearing (STT)",
    "end_of_turn": "end of turn",
    "llm": "model's first word (LLM)",
    "tts": "first sound (TTS)",
}


def facts_table(record: SessionRecord) -> Table:
    """What it was and how it ended, a row for each fact."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    end = record.ended_at or record.heard_at
    facts = {
        "session": record.id,
        "agent": record.agent_id,
        "room": record.room,
        "host": record.host or "-",
        "goes on with": record.resumes or "-",
        f"began ({zone([record.started_at])})": moment(record.started_at),
        "lasted": "-" if end is None else duration(between(record.started_at, end)),
        "ended by": "it goes on" if record.is_open else record.close_reason or "nobody knows",
        "exit code": "-" if record.exit_code is None else str(record.exit_code),
        "most humans": str(record.most_humans),
        "turns": f"{record.turns}{'' if record.is_transcribed else ', what was said is not kept'}",
    }
    for name, value in facts.items():
        table.add_row(name, one_line(value))
    return table


def waits_table(waits: Waits) -> Table | None:
    """None = nothing was measured."""
    table = plain_table("SECONDS UNTIL", "P50", "P95", "OF", whole=("P50", "P95", "OF"))
    for name, title in _WAITS.items():
        spread: Spread | None = getattr(waits, name)
        if spread is not None:
            table.add_row(title, f"{spread.p50:.2f}", f"{spread.p95:.2f}", str(spread.count))
    return table if table.row_count else None


def happenings_table(record: SessionRecord) -> Table | None:
    """None = nothing happened."""
    if not record.events:
        return None
    table = plain_table("AFTER", "WHAT HAPPENED", whole=("AFTER",))
    for event in record.events:
        words = EVENT_KINDS.get(event.kind, event.kind.replace("_", " "))
        table.add_row(duration(event.since), one_line(f"{words}: {event.text}" if event.text else words))
    if record.more_events:
        table.add_row("", f"and {record.more_events} more, of which nothing is kept")
    return table


def costs_table(costs: Costs) -> Table | None:
    """None = no model was used."""
    if not costs.models:
        return None
    table = plain_table("MODEL", "USED", "ABOUT", whole=("ABOUT",))
    for cost in costs.models:
        price = (
            "own" if cost.is_local else "no price known" if cost.dollars is None else _dollars(cost.dollars)
        )
        table.add_row(one_line(cost.model) or "-", one_line(cost.used), price)
    missing = "" if costs.is_whole else ", without those whose price is not known"
    table.add_row(
        "in all", f"an estimate by list prices of {one_line(costs.as_of)}{missing}", _dollars(costs.dollars)
    )
    return table


def _dollars(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"
