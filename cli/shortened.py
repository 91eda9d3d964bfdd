"""Ids and paths in a table: one line each, the middle left out where there is no room for all of it."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from cli.terminal import one_line

_SHORTEST = 9


class Shortened:
    """A text that is never folded: the ends of an id tell more than its middle.

    Args:
        text: Cleaned here.
        style: Of the whole.
    """

    def __init__(self, text: str, *, style: str = "") -> None:
        self.text = one_line(text)
        self._style = style

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(shortened(self.text, options.max_width), style=self._style, no_wrap=True)

    def __rich_measure__(self, _: Console, options: ConsoleOptions) -> Measurement:
        length = cell_len(self.text)
        return Measurement(min(length, _SHORTEST), length).with_maximum(options.max_width)


def shortened(text: str, width: int) -> str:
    """`text` in `width` cells of a terminal, with an ellipsis in the middle where it is longer."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    tail = width // 2
    end = text
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(text, width - 1 - tail).rstrip() + "…" + end.lstrip()
