"""Stored profiles as a table, and what an import does."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from cli.durations import moment
from cli.profile_api import ImportEntry, ProfileSummary
from cli.shortened import Shortened
from cli.terminal import one_line, plain_table, words


def profiles_table(profiles: Iterable[ProfileSummary]) -> Table:
    """One row for each profile."""
    table = plain_table(
        "ID", "NAME", "GROUP", "LANGUAGE", "VOICE", "SAVED", "BY", "DESCRIPTION", whole=("LANGUAGE", "SAVED")
    )
    for profile in profiles:
        table.add_row(
            Shortened(profile.agent_id),
            words(profile.name, folds=True),
            words(profile.group or "", folds=True),
            one_line(profile.language or ""),
            words(profile.voice or "", folds=True),
            "" if profile.updated_at is None else moment(profile.updated_at),
            words(profile.updated_by, folds=True),
            words(profile.description, folds=True),
        )
    return table


def entry_line(entry: ImportEntry) -> str:
    """What one entry of a file does, in one line."""
    whose = one_line(entry.agent_id) or f"entry {entry.number}"
    notes = [one_line(text) for text in (entry.error, *entry.warnings) if text]
    about = f": {'; '.join(notes)}" if notes else ""
    return f"{entry.outcome:<8}  {whose}{about}"
