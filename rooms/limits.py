"""How long the keeper waits for what, and how often it looks. Seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepLimits:
    human_wait: float = 2.0
    """That a human may be without an agent before one is asked for. LiveKit itself sends one in 0.3 s to a new room."""

    dispatch_timeout: float = 5.0
    """From asking for an agent until that counts as in vain. A cold process takes three."""

    tries: int = 3
    """Agents asked for in vain until the room is red."""

    loss_memory: float = 60.0
    """That losses of agents in a room count as one after the other: as many as `tries`, and the next one waits."""

    red_interval: float = 15.0
    """Between two tries for a room that is red."""

    joining_timeout: float = 12.0
    """That a worker may have a job whose agent is not in its room yet. A burst takes so long on a small machine."""

    settling: float = 3.0
    """After an agent was first seen, in which nobody doubts it: it may not have registered what it can be asked."""

    silent_memory: float = 5.0
    """That an answer, or its absence, is believed."""

    silent_twice: float = 4.0
    """Between two questions without an answer to an agent against which nothing but its silence speaks."""

    health_interval: float = 10.0
    """Between two questions to an agent whose beats do not come here."""

    stall: float = 2.0
    """That an agent's main loop may be known to be blocked before the agent is asked how it is."""

    reconnecting: float = 5.0
    """That a living agent which is not on LiveKit's list may take to come back."""

    leaving: float = 12.0
    """That an agent on its way out may stay on the list. It gives itself ten."""

    alone: float = 10.0
    """That an agent may stay past the end of its grace period."""

    duplicates: float = 2.0
    """That two agents may be in one room: the younger leaves by itself."""

    obeying: float = 5.0
    """From asking an agent to leave until it is removed."""

    resume_memory: float = 180.0
    """After an agent was lost, in which its successor goes on with the conversation."""

    trouble_after: float = 10.0
    """That a human may be without an agent until everybody should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Seconds."""

    rooms: float = 5.0
    """Between two lists of all rooms."""

    health: float = 10.0
    """Between two lists of a room's participants."""

    garbage: float = 30.0
