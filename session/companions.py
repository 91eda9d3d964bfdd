"""What goes along with a call's pipeline where its profile asks for it: an eye, a face."""

from __future__ import annotations

from typing import Protocol

from livekit import rtc
from livekit.agents import AgentSession


class Companion(Protocol):
    def begin(self, session: AgentSession[None], room: rtc.Room) -> None:
        """The pipeline runs; the room may not be connected yet. Never raises."""

    async def ready(self) -> None:
        """Wait for what the greeting waits for: a bounded time. Never raises."""

    async def aclose(self) -> None:
        """End it, in bounded time, while the agent is still in the room. May be called twice."""
