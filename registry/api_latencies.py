"""How long people wait for one agent, over time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from registry.api_answers import json_response
from registry.latencies import MOST_TIMES, AgentLatencies, Bucket, over_time
from registry.openapi import answers
from registry.quoted_ids import AgentKey
from registry.sessions import Sessions

MOST_BUCKETS = 400


async def agent_latencies(
    sessions: Sessions,
    agent_id: str,
    *,
    bucket: Bucket,
    buckets: int,
    now: datetime,
    most: int = MOST_TIMES,
) -> AgentLatencies:
    """Of the last `buckets` hours or days, this one included. Raises `StoreError`.

    Args:
        most: How many turns, and sessions, are looked at: the last ones.
    """
    since = bucket.start(now) - (buckets - 1) * bucket.span
    turns, heard = await sessions.times(agent_id, since=since, limit=most)
    return await asyncio.to_thread(over_time, agent_id, turns, heard, bucket=bucket, since=since, most=most)


def add_latencies(router: APIRouter, *, sessions: Sessions, utc: Callable[[], datetime]) -> None:
    """Add `/agents/<id>/latencies`."""

    @router.get("/agents/{agent_id:path}/latencies", tags=["agent"], responses=answers(AgentLatencies))
    async def show_latencies(
        agent_id: AgentKey,
        bucket: Annotated[Bucket, Query(description="Over how much time one point is taken.")] = Bucket.HOUR,
        buckets: Annotated[
            int, Query(ge=1, le=MOST_BUCKETS, description="How many points at most, up to now.")
        ] = 48,
    ) -> Response:
        """How long people waited for the agent of this id (the `<id>` of `agent-<id>-room`): p50 and p95 over time, of
        its sessions that began in it. Empty where nothing was measured."""
        found = await agent_latencies(sessions, agent_id, bucket=bucket, buckets=buckets, now=utc())
        return json_response(found)
