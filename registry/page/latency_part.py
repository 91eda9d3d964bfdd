"""How long people wait for an agent, on its page: small charts, and the same as a table."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from registry.api_latencies import agent_latencies
from registry.charts import Chart, charts
from registry.clock import Clock
from registry.latencies import Bucket
from registry.sessions import Sessions
from registry.store import StoreError

FRESH = 60.0
"""Seconds that a part is shown again before it is made anew."""

MOST_TIMES = 2_000
"""Turns, and sessions, that are looked at: the last ones. Reading them takes as long as the rest of the page."""

_MOST_KEPT = 64
"""Parts that are kept, each of some kilobytes: those that were asked for last."""

_SHOWN = {
    Bucket.HOUR: (48, "the last 48 hours, by the hour"),
    Bucket.DAY: (30, "the last 30 days, by the day"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPart:
    by_day: bool
    period: str
    """In words."""

    charts: Sequence[Chart]
    is_cut: bool = False
    """There was more than is looked at: only the last of it counts."""

    most: int = MOST_TIMES
    trouble: str = ""
    """Why they cannot be read; empty = they can."""


class LatencyParts:
    """Those of all agents. Each is made once in `FRESH` seconds at most, and one after the other, whoever asks."""

    def __init__(self, sessions: Sessions, *, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._kept: OrderedDict[tuple[str, Bucket], tuple[float, LatencyPart]] = (
            OrderedDict()
        )  # made at, part
        self._making = asyncio.Lock()

    async def of(self, agent_id: str, wanted: str) -> LatencyPart:
        """Of the agent of this id: by the hour, or with ``day`` by the day."""
        bucket = Bucket.DAY if wanted == Bucket.DAY.value else Bucket.HOUR
        key = (agent_id, bucket)
        if (part := self._fresh(key)) is not None:
            return part
        async with self._making:
            if (part := self._fresh(key)) is not None:  # somebody else has waited for it before
                return part
            part = await self._made(agent_id, bucket)
            if (
                part.charts
            ):  # nothing is quickly read again, and the first call of an agent should be seen at once
                self._kept[key] = (self._clock.monotonic(), part)
                self._kept.move_to_end(key)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
            return part

    def _fresh(self, key: tuple[str, Bucket]) -> LatencyPart | None:
        made_at, part = self._kept.get(key, (0.0, None))
        if part is None or self._clock.monotonic() >= made_at + FRESH:
            return None
        self._kept.move_to_end(key)
        return part

    async def _made(self, agent_id: str, bucket: Bucket) -> LatencyPart:
        n_buckets, period = _SHOWN[bucket]
        now = self._clock.utc()
        by_day = bucket is Bucket.DAY
        try:
            found = await agent_latencies(
                self._sessions, agent_id, bucket=bucket, buckets=n_buckets, now=now, most=MOST_TIMES
            )
        except StoreError as error:
            return LatencyPart(by_day=by_day, period=period, charts=(), trouble=str(error))
        shown = await asyncio.to_thread(charts, found, bucket=bucket, now=now)
        return LatencyPart(by_day=by_day, period=period, charts=shown, is_cut=found.is_cut)
