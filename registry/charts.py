"""Latencies over time as small lines, for pages that draw them without any script. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.latencies import MEASURED, AgentLatencies, Bucket, Spread

WIDTH, HEIGHT = 100.0, 40.0
"""Of the drawing, in its own units; the page stretches it."""

_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0)
"""Seconds at the top of a chart, of which the smallest that fits is taken."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One bucket, for the table beside the chart."""

    at: datetime
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    name: str
    title: str
    overall: Spread
    top: float
    """Seconds at the upper edge."""

    p50: str
    p95: str
    """Both as the `d` of an SVG path in `WIDTH` × `HEIGHT`; each bucket is a point, also one that stands alone."""

    dots: Sequence[Dot]


def charts(found: AgentLatencies, *, bucket: Bucket, now: datetime) -> list[Chart]:
    """A chart for each latency that was measured, in the order of `MEASURED`."""
    made = []
    for name, title in MEASURED.items():
        overall: Spread | None = getattr(found.overall, name)
        if overall is None:
            continue
        spreads = [(point.at, getattr(point.latencies, name)) for point in found.points]
        dots = [Dot(at, spread) for at, spread in spreads if spread is not None]
        top = _top(max(dot.spread.p95 for dot in dots))
        length = max(1.0, (now - found.since) / bucket.span)

        def path(values: Sequence[tuple[datetime, float]], top: float = top, length: float = length) -> str:
            points = [
                # In the middle of its bucket.
                f"{WIDTH * min(1.0, ((at - found.since) / bucket.span + 0.5) / length):.2f} "
                f"{HEIGHT * (1 - min(1.0, value / top)):.2f}"
                for at, value in values
            ]
            return "M" + "L".join(points) + "h0"

        made.append(
            Chart(
                name=name,
                title=title,
                overall=overall,
                top=top,
                p50=path([(dot.at, dot.spread.p50) for dot in dots]),
                p95=path([(dot.at, dot.spread.p95) for dot in dots]),
                dots=dots,
            )
        )
    return made


def _top(most: float) -> float:
    return next((step for step in _STEPS if most <= 0.9 * step), most)
