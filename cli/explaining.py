"""Why there is, or is not, an agent in a room: the answer, what it rests on, what comes next. For people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from cli.durations import between, clock_time, duration, moment, zone
from cli.room_answers import Fact, RoomEvent, Why
from cli.terminal import one_line, plain_table

_GOOD, _BAD = "✓", "✗"


def answer_line(why: Why, *, human_waits: bool) -> Text:
    """The answer, in one sentence."""
    return Text(one_line(why.answer), style="bold red" if human_waits else "bold")


def facts_table(facts: Iterable[Fact]) -> Table:
    """The chain, a link in each row, with a mark: good, or bad."""
    facts = list(facts)
    when = f"AT ({zone([fact.at for fact in facts if fact.at])})" if any(fact.at for fact in facts) else "AT"
    table = plain_table("", when, "SAYS", "WHAT", whole=("", when, "SAYS"))
    for fact in facts:
        table.add_row(
            Text(_BAD, style="red") if fact.is_bad else Text(_GOOD, style="green"),
            clock_time(fact.at) if fact.at else "",
            one_line(fact.source),
            Text(one_line(fact.text), style="red" if fact.is_bad else "", overflow="fold"),
        )
    return table


def next_line(why: Why, *, now: datetime) -> str:
    """What comes next, and when; empty when nothing is told."""
    if not why.next_step:
        return ""
    due = f" (in {duration(between(now, why.next_at))})" if why.next_at else ""
    return f"next: {one_line(why.next_step)}{due}"


def events_table(events: Iterable[RoomEvent]) -> Table:
    """What happened, newest first."""
    events = list(events)
    at = f"AT ({zone(event.at for event in events)})"
    table = plain_table(at, "EVENT", "BY", "WHAT", whole=(at, "EVENT"))
    for event in events:
        table.add_row(
            moment(event.at), one_line(event.kind), one_line(event.by or "keeper"), one_line(event.text)
        )
    return table
