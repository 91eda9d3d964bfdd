"""How long people wait for an agent: p50 and p95 of what its sessions have measured. Pure."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from registry.session_records import Timed
from rooms.tally import percentile
from wire import Delays

MOST_TIMES = 20_000
"""Turns, and sessions, that are looked at: the last ones."""


class Bucket(enum.Enum):
    """Over how much time one point of a chart is taken."""

    HOUR = "hour"
    DAY = "day"

    @property
    def span(self) -> timedelta:
        return timedelta(hours=1) if self is Bucket.HOUR else timedelta(days=1)

    def start(self, moment: datetime) -> datetime:
        """When the bucket of a moment begins, in UTC."""
        whole = moment.replace(minute=0, second=0, microsecond=0)
        return whole if self is Bucket.HOUR else whole.replace(hour=0)


class Spread(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of some durations, in seconds."""

    count: int
    p50: float
    p95: float
    worst: float


class Latencies(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Each is null where nothing was measured."""

    first_audio: Spread | None
    """From the first human's coming until the agent was first heard."""

    total: Spread | None
    """From the end of a human's speech until the agent's first sound."""

    stt: Spread | None
    """From the end of a human's speech until its last words were there."""

    end_of_turn: Spread | None
    """From the end of a human's speech until the turn was taken for over."""

    llm: Spread | None
    """Until the model's first word."""

    tts: Spread | None
    """From that until the first sound."""


class Point(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Latencies of one bucket."""

    at: datetime
    """When it began, in UTC."""

    latencies: Latencies


class AgentLatencies(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of one agent over time."""

    agent_id: str
    bucket: str
    since: datetime
    overall: Latencies
    points: tuple[Point, ...]
    """Oldest first; buckets in which nothing was measured are left out."""

    is_cut: bool
    """There was more than is looked at: only the last of it counts."""


MEASURED: Mapping[str, str] = {
    "first_audio": "First words after joining",
    "total": "Answer after the end of speech",
    "stt": "Hearing (STT)",
    "end_of_turn": "End of turn",
    "llm": "Model's first word (LLM)",
    "tts": "First sound (TTS)",
}
"""Names of the latencies for people, by field of `Latencies`, in the order in which they are shown."""


def latencies(delays: Iterable[Delays], first_audio: Iterable[float]) -> Latencies:
    """Of some turns and sessions together."""
    found = list(delays)

    def spread_of(name: str) -> Spread | None:
        return spread([value for one in found if (value := getattr(one, name)) is not None])

    return Latencies(
        first_audio=spread(list(first_audio)),
        **{name: spread_of(name) for name in ("total", "stt", "end_of_turn", "llm", "tts")},
    )


def spread(values: Sequence[float]) -> Spread | None:
    """None = there are no values."""
    p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
    if p50 is None or p95 is None:
        return None
    return Spread(count=len(values), p50=round(p50, 3), p95=round(p95, 3), worst=round(max(values), 3))


def over_time(
    agent_id: str,
    turns: Sequence[Timed],
    first_audio: Sequence[tuple[datetime, float]],
    *,
    bucket: Bucket,
    since: datetime,
    most: int = MOST_TIMES,
) -> AgentLatencies:
    """Latencies of an agent, in buckets.

    Args:
        turns: Delays of turns, each with when it was said.
        first_audio: When sessions began, and the seconds until the agent was first heard in them.
        since: No bucket is older.
        most: How many turns, and sessions, were asked for.
    """
    delays: defaultdict[datetime, list[Delays]] = defaultdict(list)
    heard: defaultdict[datetime, list[float]] = defaultdict(list)
    for at, delay in turns:
        delays[max(since, bucket.start(at))].append(delay)
    for at, seconds in first_audio:
        heard[max(since, bucket.start(at))].append(seconds)
    return AgentLatencies(
        agent_id=agent_id,
        bucket=bucket.value,
        since=since,
        overall=latencies((one.delays for one in turns), (seconds for _, seconds in first_audio)),
        points=tuple(
            Point(at=at, latencies=latencies(delays[at], heard[at])) for at in sorted({*delays, *heard})
        ),
        is_cut=len(turns) >= most or len(first_audio) >= most,
    )
