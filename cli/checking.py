"""Compares agents of this machine with its processes, and says what the registry should be told. Pure.

A process that is there proves little: it may hang. One that is not there proves that the agent is gone, unless the
agent still speaks: an open line, which the registry pings every few seconds, is the stronger evidence. Then the
agent runs where processes have other numbers, in a container that was given this machine's name.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cli.answers import Agent
from cli.durations import duration
from cli.processes import Presence, Sight

AGE_TOLERANCE = 5.0
"""Seconds by which a process may seem younger than its agent. Beats travel, and systems count a start in hundredths."""


class Evidence(enum.Enum):
    """What the registry can be told of an agent."""

    GONE = "process_gone"
    PRESENT = "process_present"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found about one agent."""

    agent: Agent
    text: str
    """In words, for the history and for the person who asked."""

    evidence: Evidence | None = None
    """None = nothing can be told with certainty."""


def compare(agent: Agent, sight: Sight | None) -> Finding | None:
    """What is wrong between an agent's row and its process; None = nothing is.

    Args:
        sight: None = the agent does not tell its process's number.
    """
    if agent.status == "stopped" or (sight is None and agent.is_over):
        return None
    if agent.forced is not None:
        return _finding(agent, f"its status is forced by {agent.forced.by}, so it is left alone")
    if sight is None:
        return _finding(agent, "it does not tell its process's number")
    name = f"process {agent.process_id}"
    if sight.presence is Presence.HIDDEN:
        return _finding(agent, f"{name} may not be looked at by this user; run this as its user or as root")
    gone = _why_gone(agent, sight, name)
    return _compare_silent(agent, gone, name) if agent.is_over else _compare_live(agent, gone)


def _compare_silent(agent: Agent, gone: str | None, name: str) -> Finding | None:
    if gone is not None:
        return None
    return _finding(agent, f"{name} is still there, but is not heard", Evidence.PRESENT)


def _compare_live(agent: Agent, gone: str | None) -> Finding | None:
    if gone is None:
        return None
    if agent.has_line:
        return _finding(
            agent, f"{gone}, but it speaks: it runs where processes have other numbers, as in a container"
        )
    return _finding(agent, gone, Evidence.GONE)


def find_inactive(agent: Agent, *, after: float) -> Finding | None:
    """Whether an agent that should do something has done nothing for `after` seconds or longer."""
    if agent.is_over or agent.forced is not None:
        return None
    seconds = inactive_for(agent)
    if seconds < after:
        return None
    what = "no beat" if agent.last_activity is None else "no activity"
    return _finding(agent, f"{what} for {duration(seconds)}", Evidence.INACTIVE)


def inactive_for(agent: Agent) -> float:
    """Seconds since it last did something, as far as it tells that, else since its last beat.

    Only moments of the registry's clock are compared, and never with this machine's.
    """
    if agent.last_activity is None:
        return agent.beat_age
    return max(0.0, (agent.last_heartbeat - agent.last_activity).total_seconds()) + agent.beat_age


def _why_gone(agent: Agent, sight: Sight, name: str) -> str | None:
    """Why the agent's process is gone; None = it is there."""
    if sight.presence is Presence.GONE:
        return f"{name} is gone"
    if sight.presence is Presence.ENDED:
        return f"{name} has ended, and its parent has not taken note"
    if sight.age is not None and sight.age + AGE_TOLERANCE < _least_age(agent):
        return f"{name} is gone, and another one has its number since {duration(sight.age)}"
    return None


def _least_age(agent: Agent) -> float:
    """Seconds that the agent's process must be old at the least: it has beaten, and may have told its start.

    No more than the least: a machine that slept makes processes look older than they say.
    """
    if agent.process_started_at is None:
        return agent.beat_age
    told = (agent.last_heartbeat - agent.process_started_at).total_seconds()
    return max(0.0, told) + agent.beat_age


def _finding(agent: Agent, text: str, evidence: Evidence | None = None) -> Finding:
    return Finding(agent=agent, text=text, evidence=evidence)
