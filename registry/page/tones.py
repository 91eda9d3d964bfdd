"""In which colour and shape things of rooms, sessions, processes and models are shown. Pure.

The colours are those of the statuses of agents, so that red is red everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

PHASES: Mapping[str, str] = {
    "starting": "starting",
    "active": "running",
    "grace_period": "warning",
    "closing": "unknown",
    "empty": "stopped",
}
"""Of a room, in the order in which their sums are shown."""

HEALTHS: Mapping[str, str] = {
    "alive": "running",
    "stalled": "warning",
    "suspect": "warning",
    "gone": "error",
    "stopped": "stopped",
    "unknown": "unknown",
    "foreign": "stopped",
}
"""Of an agent in a room."""

STATES: Mapping[str, str] = {
    "RUNNING": "running",
    "STARTING": "starting",
    "STOPPING": "unknown",
    "BACKOFF": "warning",
    "EXITED": "error",
    "STOPPED": "stopped",
}
"""Of a process, in the order in which their sums are shown."""

MODEL_STATES: Mapping[str, str] = {
    "none": "error",
    "failing": "error",
    "misconfigured": "error",
    "rate_limited": "warning",
    "busy": "warning",
    "warming": "starting",
    "healthy": "running",
    "unknown": "unknown",
}
"""Of an endpoint of language models, in the order in which their sums are shown; `none` = there is none."""

_OTHER = "unknown"


def of_phase(phase: str, *, is_trouble: bool = False) -> str:
    """The tone of a room."""
    return "error" if is_trouble else PHASES.get(phase, _OTHER)


def of_health(health: str) -> str:
    """The tone of an agent in a room."""
    return HEALTHS.get(health, _OTHER)


def of_state(state: str, exit_code: int | None = None) -> str:
    """The tone of a process. One that ended by itself and without an error is not red."""
    return "stopped" if state == "EXITED" and exit_code == 0 else STATES.get(state, _OTHER)


def of_model(state: str) -> str:
    """The tone of an endpoint of language models."""
    return MODEL_STATES.get(state, _OTHER)


def of_end(close_reason: str | None, exit_code: int | None) -> str:
    """The tone of a session: how it ended, or that it has not."""
    if close_reason is None:
        return "running"
    return "error" if close_reason == "lost" or exit_code not in (None, 0) else "stopped"
