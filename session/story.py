"""What happens in a call besides what is said: events for the registry, and how soon the agent was first heard.

Names nobody and repeats nothing that was said, nor the words of any provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import AgentSession, AgentStateChangedEvent

from llm.models import Switch
from session.roster import Human
from session.trouble import Part, Trouble
from session.unsent import unsent_events

MOST_EVENTS = 500
"""Events of one call that are told; what is more is counted. A connection may flap all night."""


class SwitchingModels(Protocol):
    """What `llm.models.Models` says of its endpoints."""

    def switches(self) -> tuple[Switch, ...]: ...
    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]: ...


class Story:
    """The events of one call, in their order. Used on the event loop only; nothing in it raises.

    The beginning of the call is when this is made.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is something new to tell."""

        self.unsent = unsent_events()
        self.n_more = 0
        """Events that are not told, because there were too many."""

        self.first_audio: float | None = None
        """Seconds from the first human's coming until the agent was first heard; None = not yet, or not measured.

        A human who was there before the agent counts from the beginning of the job.
        """

        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._n_told = 0
        self._humans: list[Human] | None = None  # None = nobody has looked yet
        self._waits_since: float | None = None  # a human, for the agent's first word
        self._is_measured = False
        self._switches: tuple[Switch, ...] = ()
        self._fallbacks: set[str] = set()

    def happened(self, kind: str, text: str = "") -> None:
        """Take an event.

        Args:
            kind: One of `wire.EVENT_KINDS`.
            text: What that does not say, for people.
        """
        if self._n_told >= MOST_EVENTS and kind != "closed":
            self.n_more += 1
            return
        self._n_told += 1
        self.unsent.add((kind, text), now=self._loop.time())
        self.on_change()

    def counted(self, humans: Sequence[Human]) -> None:
        """Take who is there now. May be called at any time; only news counts. The first call is the first look."""
        before, self._humans = self._humans, list(humans)
        if before == self._humans:
            return
        identities = {human.identity for human in before or ()}
        if humans and self._waits_since is None:
            self._waits_since = self._began_at if before is None else self._loop.time()
        there = f"{len(humans)} {'human is' if len(humans) == 1 else 'humans are'} there now"
        for human in humans:
            if human.identity not in identities:
                self.happened("human_came", f"{human.role.value}; {there}")
        left = identities - {human.identity for human in humans}
        for human in before or ():
            if human.identity in left:
                self.happened("human_left", f"{human.role.value}; {there}")

    def somebody_spoke(self) -> None:
        """Take that a human has said something. An agent that answers, and does not greet, is not measured by that."""
        self._is_measured = True

    def provider(self, part: Part, error: str | None) -> None:
        """Take that a part of the pipeline fails, with the name of the error, or works again (None)."""
        name = {Part.STT: "hearing", Part.LLM: "thinking", Part.TTS: "speaking"}[part]
        if error is None:
            self.happened("provider_recovered", name)
        else:
            self.happened("provider_failed", f"{name}: {error}" if error.isidentifier() else name)

    def noted(self, name: str, fact: object) -> None:
        """Take what the room is told of the agent: see `session.notes`. What waits for whom, `provider` says."""
        if name == "fallback":
            lines = [str(line) for line in fact] if isinstance(fact, list) else []
            for line in lines:
                if line not in self._fallbacks:
                    self.happened("note", line)
            self._fallbacks.update(lines)
        elif name in ("avatar", "vision"):
            self.happened("note", f"{name}: {'works' if fact in (None, True) else fact}")

    def follow(
        self, session: AgentSession[Any], room: rtc.Room, *, models: SwitchingModels, trouble: Trouble
    ) -> None:
        """Take what these tell, from now on."""
        session.on("agent_state_changed", self._on_agent_state)
        room.on("reconnecting", lambda: self.happened("reconnecting"))
        room.on("reconnected", lambda: self.happened("reconnected"))
        trouble.on_part = self.provider
        self._switches = models.switches()
        models.subscribe(lambda: self._on_models(models))

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state != "speaking" or self._is_measured or self._waits_since is None:
            return
        self._is_measured = True
        self.first_audio = round(self._loop.time() - self._waits_since, 3)
        self.on_change()

    def _on_models(self, models: SwitchingModels) -> None:
        before, self._switches = self._switches, models.switches()
        for switch in reversed(new_switches(before, self._switches)):
            self.happened(
                "model_switched",
                f"{switch.source or 'none'} → {switch.target or 'none'}{': ' if switch.reason else ''}{switch.reason}",
            )


def new_switches(before: Sequence[Switch], now: Sequence[Switch]) -> Sequence[Switch]:
    """Those of `now` that came after `before`, newest first, as both are. The oldest are forgotten in between."""
    if not now:
        return ()
    # The newest one was younger before: then it is another one, however much the two look alike.
    least = 1 if before and now[0].age < before[0].age else 0
    for n_new in range(least, len(now)):
        rest = [_facts(switch) for switch in now[n_new:]]
        if rest == [_facts(switch) for switch in before[: len(rest)]]:
            return now[:n_new]
    return now


def _facts(switch: Switch) -> tuple[str | None, str | None, str]:
    return switch.source, switch.target, switch.reason
