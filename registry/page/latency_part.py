"""How long people wait for an agent, on its page: small charts, and the same as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from registry.api_latencies import agent_latencies
from registry.charts import Chart, charts
from registry.latencies import Bucket
from registry.running import Registry
from registry.store import StoreError

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
    trouble: str = ""
    """Why they cannot be read; empty = they can."""


async def latency_part(registry: Registry, request: Request, agent_id: str) -> LatencyPart:
    """Of the agent of this id, as ``latencies`` in the query asks for: by the hour, or with ``day`` by the day."""
    bucket = Bucket.DAY if request.query_params.get("latencies") == Bucket.DAY.value else Bucket.HOUR
    n_buckets, period = _SHOWN[bucket]
    now = registry.fleet.clock.utc()
    by_day = bucket is Bucket.DAY
    try:
        found = await agent_latencies(registry.sessions, agent_id, bucket=bucket, buckets=n_buckets, now=now)
    except StoreError as error:
        return LatencyPart(by_day=by_day, period=period, charts=(), trouble=str(error))
    return LatencyPart(by_day=by_day, period=period, charts=charts(found, bucket=bucket, now=now))
