"""What a human says, from its first sound until livekit-agents takes it as a turn."""

from __future__ import annotations

import math

from livekit.agents import AgentSession

TURN_MARGIN = 0.3
"""Seconds after the latest end of a turn until it is sure that livekit-agents takes it no more."""


def is_quiet(session: AgentSession[None]) -> bool:
    """Neither the human nor the agent says anything, and no answer is on its way."""
    return session.user_state != "speaking" and session.agent_state not in {"thinking", "speaking"}


class HumanTurn:
    """Knows since when there is silence after words that may still become a turn.

    Some never do: a cough, a door. Those are over by time only.
    """

    def __init__(self) -> None:
        self._quiet_since = -math.inf  # inf = they speak, -inf = all of it is taken

    def speaks(self) -> None:
        """There is a voice."""
        self._quiet_since = math.inf

    def falls_silent(self, *, now: float) -> None:
        """The voice has ended."""
        self._quiet_since = now

    def understood(self, *, now: float) -> None:
        """Words of it are known. They may come after the voice."""
        self._quiet_since = max(self._quiet_since, now)

    def taken(self) -> None:
        """It is a turn now."""
        self._quiet_since = -math.inf

    def over_at(self, pause: float) -> float:
        """When nothing more becomes of it, if that takes `pause` seconds of silence; infinite while they speak."""
        return self._quiet_since + pause
