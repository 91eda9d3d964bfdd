"""When the next beat goes, and the next try to reach a registry that is away.

Pure: chance comes in as `spread`, a number from 0 to 1 that the caller draws for each delay.
"""

from __future__ import annotations

JITTER = 0.1
"""Share by which intervals differ, so that processes started together do not beat together."""

SHORTEST_GAP = 0.2
"""Seconds between two beats at the least, however often something changes."""

SHORTEST_INTERVAL = SHORTEST_GAP
LONGEST_INTERVAL = 3_600.0

FIRST_RETRY = 0.5
FIRST_RECONNECT = 0.2
LONGEST_RETRY = 30.0

RETRY_SPREAD = 5.0
"""Seconds over which senders spread that were all asked to wait for as long."""

LONGEST_RETRY_AFTER = 300.0
"""Longest wait that a registry may ask for. What asks for more is broken."""

_MOST_DOUBLINGS = 16  # 2**16 * 0.2 s is far beyond the longest retry; more would only grow the number


def clamp_interval(seconds: float) -> float:
    """An interval that a registry asks for, within reason."""
    return min(max(seconds, SHORTEST_INTERVAL), LONGEST_INTERVAL)


def next_delay(interval: float, *, spread: float) -> float:
    """Seconds from a beat that was taken to the next: `interval`, spread evenly by ±10 %."""
    return interval * (1 - JITTER + 2 * JITTER * spread)


def retry_delay(failures: int, *, spread: float, retry_after: float | None = None) -> float:
    """Seconds from a beat that was not taken to the next.

    Full jitter: evenly from 0 to ``min(30, 0.5 * 2**(failures - 1))``, so that many senders do not come back
    together (AWS Architecture Blog, "Exponential Backoff And Jitter").

    Args:
        failures: Beats in a row that were not taken, 1 or more.
        retry_after: Seconds that the registry asks to wait: it gets them, and up to five more, so that not all
            come at once. It is there and listens, so nothing grows: it must go on hearing that this process lives.
    """
    if retry_after is None:
        return _full_jitter(FIRST_RETRY, failures - 1, spread)
    return min(max(retry_after, 0.0), LONGEST_RETRY_AFTER) + RETRY_SPREAD * spread


def patient_delay(*, spread: float) -> float:
    """Seconds to the next beat after a refusal that only a person can mend: half a minute, ±10 %."""
    return next_delay(LONGEST_RETRY, spread=spread)


def reconnect_delay(failures: int, *, spread: float) -> float:
    """Seconds until the line is opened again: full jitter as `retry_delay`, from 0.2 s.

    Args:
        failures: Tries in a row that gave no lasting line; 0 when a good line has just broken.
    """
    return _full_jitter(FIRST_RECONNECT, failures, spread)


def _full_jitter(first: float, doublings: int, spread: float) -> float:
    return float(spread * min(LONGEST_RETRY, first * 2 ** min(doublings, _MOST_DOUBLINGS)))
