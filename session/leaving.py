"""How an agent leaves: fixed steps, each with its own limit, none able to stop the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

logger = logging.getLogger(__name__)

LEAVING_TIMEOUT = 10.0
"""Seconds for all steps together. The watchdog ends the process a little later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    name: str
    limit: float
    """Seconds until the next step comes, done or not."""
    run: Callable[[], Awaitable[object]]


async def take_steps(steps: Sequence[Step], *, limit: float = LEAVING_TIMEOUT) -> list[str]:
    """Take all steps in their order, and say which of them failed.

    A step that raises or takes too long is logged and left behind: whatever comes after it matters as
    much. When `limit` seconds are used up, the steps that are left get no time and count as failed.

    Returns:
        Names of the failed steps, in order; empty when all went well.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + limit
    failed = []
    for step in steps:
        started_at = loop.time()
        try:
            async with asyncio.timeout_at(min(ends_at, started_at + step.limit)):
                await step.run()
        except TimeoutError:
            failed.append(step.name)
            logger.error(
                "a step of leaving took too long",
                extra={"action": "leaving.overrun", "step": step.name, "limit": step.limit},
            )
        except Exception:
            failed.append(step.name)
            logger.exception(
                "a step of leaving failed", extra={"action": "leaving.failed", "step": step.name}
            )
        else:
            logger.debug(
                "step of leaving",
                extra={"step": step.name, "took_ms": round(1000 * (loop.time() - started_at))},
            )
    return failed
