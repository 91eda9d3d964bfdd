"""Cells of the tables: medians and the worst, and whether an aim was reached."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.harness import median

NEVER = math.inf
"""The value of what did not happen while it was watched."""


def seconds(values: Sequence[float], digits: int = 2) -> str:
    """Median and maximum; "never" for what did not happen."""
    return f"{_text(median(values), digits)} / {_text(max(values, default=math.nan), digits)}"


def milliseconds(values: Sequence[float], digits: int = 1) -> str:
    """Of seconds: median and maximum."""
    return seconds([1_000 * value for value in values], digits)


def reached(*facts: bool) -> str:
    return "yes" if all(facts) else "NO"


def raw(values: Sequence[float]) -> list[float | None]:
    """As JSON has them: without infinity."""
    return [value if math.isfinite(value) else None for value in values]


def _text(value: float, digits: int) -> str:
    if math.isnan(value):
        return ""
    return "never" if value == NEVER else f"{value:.{digits}f}"
