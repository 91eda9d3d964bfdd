"""Where commands print: aligned and coloured for a person, plain and whole for a pipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from typing import Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 100_000
"""Columns of a pipe: nothing is wrapped and nothing is cut."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

COLOURS = {
    "starting": "cyan",
    "running": "green",
    "warning": "yellow",
    "error": "red",
    "offline": "red",
    "stopped": "bright_black",
    "unknown": "magenta",
}
"""Of an agent's status."""


def out() -> Console:
    """For results. Colours only on a terminal, and never with NO_COLOR."""
    return _console(to_stderr=False)


def err() -> Console:
    """For what stands beside the result."""
    return _console(to_stderr=True)


def is_terminal() -> bool:
    """Whether results go to a person's terminal."""
    return sys.stdout.isatty()


def _console(*, to_stderr: bool) -> Console:
    console = _plain_or_not(to_stderr=to_stderr, color_system="auto")
    # NO_COLOR by itself would leave bold and dim.
    return _plain_or_not(to_stderr=to_stderr, color_system=None) if console.no_color else console


def _plain_or_not(*, to_stderr: bool, color_system: Literal["auto"] | None) -> Console:
    stream = sys.stderr if to_stderr else sys.stdout
    return Console(
        stderr=to_stderr,
        width=None if stream.isatty() else _WIDE,
        color_system=color_system,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not stream.isatty(),
    )


def clean(text: str) -> str:
    """`text` without what would steer a terminal: agents' words come from anywhere."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """`text` in one line, clean."""
    return clean(" ".join(text.split()))


def words(text: str, *, folds: bool, style: str = "") -> Text:
    """`text` in one line, clean, for a table's cell.

    Args:
        folds: Fold it where it is too long; else its end is cut off.
    """
    return Text(one_line(text), style=style, no_wrap=not folds, overflow="fold" if folds else "ellipsis")


def status_text(status: str) -> Text:
    return Text(clean(status), style=COLOURS.get(status, ""))


def plain_table(*columns: str, whole: Collection[str] = (), folds: bool = True) -> Table:
    """A table of columns with two blanks between them. What does not fit is folded, never cut.

    Args:
        whole: Columns that are not folded: short ones, which would be hard to read.
        folds: Whether the head is folded, too; else it is one line, and cut.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(words(column, folds=folds), overflow="fold", no_wrap=column in whole)
    return table


def print_table(table: Table) -> None:
    """Print to stdout. A pipe gets no blanks at the ends of lines."""
    console = out()
    if is_terminal():
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table, no_wrap=True)
    for line in capture.get().splitlines():
        print(line.rstrip())  # noqa: T201  # it is laid out already


def print_json(data: bytes) -> None:
    """Print JSON to stdout, indented."""
    typer.echo(msgspec.json.format(data, indent=2).decode())
