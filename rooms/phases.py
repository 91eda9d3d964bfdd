"""The phase of a room, seen from outside. Pure."""

from __future__ import annotations

import enum
from collections.abc import Collection

from rooms.judging import State


class Phase(enum.Enum):
    EMPTY = "empty"  # no agent, no human
    STARTING = "starting"  # an agent is wanted or there, no human was seen yet
    ACTIVE = "active"  # at least one human
    GRACE_PERIOD = "grace_period"  # all humans left, and the agent waits for them
    CLOSING = "closing"  # the agent leaves, or an operator closed the room


def phase_of(
    *,
    n_humans: int,
    states: Collection[State],
    had_human: bool,
    is_joining: bool,
    is_closed: bool,
) -> Phase:
    """The phase of a room.

    Args:
        states: Of the agents on the list.
        had_human: Somebody was there before.
        is_joining: A worker has a job for it.
        is_closed: By an operator.
    """
    staying = [state for state in states if state not in (State.LEAVING, State.DEAD)]
    if is_closed and states:
        return Phase.CLOSING
    if n_humans:
        return Phase.ACTIVE
    if staying:
        return Phase.GRACE_PERIOD if had_human else Phase.STARTING
    if State.LEAVING in states:
        return Phase.CLOSING
    return Phase.STARTING if is_joining and not had_human else Phase.EMPTY
