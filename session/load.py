"""How full a worker is."""

from __future__ import annotations

FULL = 1.0

BUSY = 0.65
"""Load of a worker that has one place left. LiveKit gives no job to a worker at 0.7 or more, and livekit-agents
counts each accepted job that is not launched yet as a large share of its threshold: with its own load function
a burst of ten callers leaves up to five of them alone for good. So the load stays below 0.7 until the last place
is taken, and the worker refuses by itself what it has no place for.
"""

CALLS_PER_CORE = 12


def is_full(*, n_calls: int, max_calls: int, free_mb: float, min_free_mb: int) -> bool:
    """Whether another call would be one too many.

    Args:
        n_calls: Calls that run or are about to.
        max_calls: Most calls at once.
        free_mb: Memory that the machine can give without swapping.
        min_free_mb: Least of it that must be left before another call.
    """
    return n_calls >= max_calls or free_mb < min_free_mb


def load(*, n_calls: int, max_calls: int, full: bool) -> float:
    """The load to report, 0 to 1: below 0.7 while there is a place, 1 when there is none."""
    return FULL if full else BUSY * n_calls / max_calls
