"""The table that all benchmarks of room keeping print: what was measured, what was aimed at, whether it was reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import harness

NEVER = math.inf
"""The value of what did not happen while it was watched."""

COLUMNS = ("who", "what", "n", "p50", "p95", "max", "aim", "reached")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    limit: float
    share: float = 1.0
    """Of the values that must not exceed the limit."""

    def is_reached(self, values: Sequence[float]) -> bool:
        return bool(values) and harness.percentile(values, self.share) <= self.limit

    def __str__(self) -> str:
        return f"{'max' if self.share >= 1 else f'p{self.share * 100:g}'} ≤ {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    who: str
    what: str
    """With the unit, where it is not a count."""
    aim: Aim | None = None
    values: list[float] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = [_text(harness.percentile(self.values, share)) for share in (0.5, 0.95, 1.0)]
        reached = "" if self.aim is None else "yes" if self.aim.is_reached(self.values) else "NO"
        aim = "" if self.aim is None else str(self.aim)
        return (self.who, self.what, str(len(self.values)), *numbers, aim, reached)


class Figures:
    """All lines, in the order in which they were first added to."""

    def __init__(self) -> None:
        self._figures: dict[tuple[str, str], Figure] = {}

    def add(self, who: str, what: str, value: float, *, aim: Aim | None = None) -> None:
        """Add a value. The aim is for our side only; the peer's line shows the numbers."""
        aim = aim if who == harness.OURS else None
        figure = self._figures.setdefault((who, what), Figure(who=who, what=what, aim=aim))
        figure.values.append(value)

    def report(self, title: str, *, notes: Sequence[str] = ()) -> harness.Report:
        return harness.Report(
            title=title,
            columns=COLUMNS,
            rows=[figure.cells for figure in self._figures.values()],
            raw=self.raw,
            notes=notes,
        )

    @property
    def raw(self) -> dict[str, Any]:
        """As JSON has it: without infinity."""
        return {
            f"{who}: {what}": {
                **asdict(figure),
                "values": [None if value == NEVER else value for value in figure.values],
            }
            for (who, what), figure in self._figures.items()
        }


def _text(value: float) -> str:
    if math.isnan(value):
        return ""
    if value == NEVER:
        return "never"
    return f"{value:g}" if value == round(value) else f"{value:.2f}"
