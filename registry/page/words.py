"""How moments, amounts and odd texts read for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_MINUTE = 60
_HOUR = 3_600
_DAY = 86_400

_LONGEST_EVIDENCE = 8_000
"""Characters."""


def span(seconds: float) -> str:
    """A duration in its largest unit: ``42 s``, ``3 min``, ``2 h``, ``5 days``. `static/times.js` says the same."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h"
    days = whole // _DAY
    return "1 day" if days == 1 else f"{days} days"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago: ``now`` within a second, then ``12 s ago``."""
    seconds = (now - moment).total_seconds()
    return "now" if seconds < 1 else f"{span(seconds)} ago"


def lasting(moment: datetime, now: datetime) -> str:
    """For how long: ``for 12 s``."""
    return f"for {span((now - moment).total_seconds())}"


def left(moment: datetime, now: datetime) -> str:
    """How long until: ``42 s left``, and ``over for 5 s`` afterwards."""
    seconds = (moment - now).total_seconds()
    return f"{span(seconds)} left" if seconds > 0 else f"over for {span(-seconds)}"


def full(moment: datetime) -> str:
    """A date for the pointer and for tables, in UTC: ``2026-03-01 12:00:00 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine(moment: datetime) -> str:
    """A date for ``<time datetime>``, to the millisecond, which is all that JavaScript's dates hold."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size(n_bytes: int) -> str:
    """An amount of memory: ``61 MB``."""
    if n_bytes < 1_000_000:
        return f"{n_bytes / 1_000:.0f} kB"
    if n_bytes < 1_000_000_000:
        return f"{n_bytes / 1_000_000:.0f} MB"
    return f"{n_bytes / 1_000_000_000:.1f} GB"


def visible(text: str) -> str:
    """`text` with a name in place of each character that nobody can see: ``ada⟨U+200B⟩``.

    Ids that differ in such a character only would look the same; and a reversed id would look like another one.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"⟨U+{ord(char):04X}⟩" for char in text)


def name_of(name: str, agent_id: str) -> str:
    """What an agent is called: its name, if there is something to see in it, else its id."""
    return name if any(char.isprintable() and not char.isspace() for char in name) else visible(agent_id)


def isolated(text: str) -> str:
    """`text` for the middle of a sentence where no element can be put around it: it cannot turn what follows around."""
    return text if text.isprintable() else f"\u2068{text}\u2069"


def count(n: int, noun: str) -> str:
    """``1 agent``, ``2 agents``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def due(moment: datetime, now: datetime) -> str:
    """When something happens: ``in 12 s``, then ``due now``."""
    seconds = (moment - now).total_seconds()
    return f"in {span(seconds)}" if seconds >= 1 else "due now"


def exact(seconds: float) -> str:
    """A short time as measured: ``0.31 s``, ``12.4 s``, from a minute on as `span`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < _MINUTE else span(seconds)


def percent(share: float) -> str:
    """A share of 1: ``2.1 %``."""
    return f"{100 * share:.1f} %"


def evidence(found: Mapping[str, Any]) -> str:
    """What was seen, for people who know what to look for."""
    text = json.dumps(found, ensure_ascii=False, indent=2, default=str)
    return text if len(text) <= _LONGEST_EVIDENCE else f"{text[:_LONGEST_EVIDENCE]}…"
