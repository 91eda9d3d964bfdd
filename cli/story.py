"""What happens to the agents that somebody watches, as lines. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cli.answers import Agent
from cli.following import Lost, News, Snapshot

_GOOD = ("running", "warning")  # a warning means that someone should look; the agent works
_BAD = ("error", "offline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A change of one agent."""

    agent: Agent
    before: str | None
    """Its status before; None = it was not known."""

    after: str


class Story:
    """Follows some of the agents.

    Args:
        is_watched: Whether an agent is one of them.
    """

    def __init__(self, is_watched: Callable[[Agent], bool]) -> None:
        self._is_watched = is_watched
        self._agents: dict[str, Agent] = {}
        self._ran: set[str] = set()
        self._left_over: dict[str, str] = {}
        """Incarnations that were over before anybody watched, by id: they say nothing of what happens now."""

    @property
    def ran(self) -> frozenset[str]:
        """Ids of the agents that were seen running."""
        return frozenset(self._ran)

    @property
    def failed(self) -> tuple[Agent, ...]:
        """Those whose last status is an error, or that ended without a goodbye."""
        return tuple(
            agent
            for agent in self._agents.values()
            if agent.status in _BAD and self._left_over.get(agent.agent_id) != agent.incarnation
        )

    def take(self, news: News) -> list[Line]:
        """What is new of the watched agents, in the order in which it was told."""
        if isinstance(news, Lost):
            return []
        lines = [line for agent in news.agents if (line := self._see(agent)) is not None]
        if isinstance(news, Snapshot):
            listed = {agent.agent_id for agent in news.agents}
            gone = [agent_id for agent_id in self._agents if agent_id not in listed]
        else:
            gone = [agent_id for agent_id in news.removed if agent_id in self._agents]
        return lines + [self._forget(agent_id) for agent_id in gone]

    def _see(self, agent: Agent) -> Line | None:
        old = self._agents.get(agent.agent_id)
        if old is None and not self._is_watched(agent):
            return None
        self._agents[agent.agent_id] = agent
        if old is None and agent.is_over:
            self._left_over[agent.agent_id] = agent.incarnation
        if agent.status in _GOOD:
            self._ran.add(agent.agent_id)
        if old is not None and (old.status, old.why) == (agent.status, agent.why):
            return None
        return Line(agent=agent, before=None if old is None else old.status, after=agent.status)

    def _forget(self, agent_id: str) -> Line:
        agent = self._agents.pop(agent_id)
        return Line(agent=agent, before=agent.status, after="not listed")
