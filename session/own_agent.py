"""A worker that is one agent only, with a profile of its own: what a person's own script runs."""

from __future__ import annotations

from dataclasses import dataclass

from config import Settings
from session.beat_facts import host_of
from wire import AgentId, Profile, parse_agent_id


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAgent:
    agent_id: AgentId
    """Whose rooms are served, and nobody else's."""

    profile: Profile
    """Counts for every call; the registry is not asked for another one."""


def own_agent(profile: Profile | None, agent_id: str | None) -> OwnAgent | None:
    """What a worker was given as its one agent; None = it is every agent.

    Raises:
        ValueError: One without the other, or an id that is none (`AgentIdError`).
    """
    if profile is None and agent_id is None:
        return None
    if profile is None or agent_id is None:
        raise ValueError(
            "a worker that is one agent needs both: profile=Profile(...) and agent_id='ada'; leave out both "
            "for one that is every agent"
        )
    return OwnAgent(agent_id=parse_agent_id(agent_id), profile=profile)


def own_settings(settings: Settings, own: OwnAgent) -> Settings:
    """The settings of such a worker: a row of its own in the registry, which says that it is somebody's script.

    Its row must not be the one of the worker that serves everybody else on this host, whose settings it shares.
    """
    usual = settings.agent_id or f"worker-{host_of(settings)}"
    return settings.replace(
        agent_id=f"{usual[: 199 - len(own.agent_id)]}/{own.agent_id}",
        agent_name=own.profile.name,
        agent_deployment="local",
    )
