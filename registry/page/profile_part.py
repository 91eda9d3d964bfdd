"""What an agent's page shows of its stored profile, and which row belongs to whose profile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from registry.agents import Agent
from registry.running import Registry
from registry.session_records import ProfileRow
from registry.store import StoreError
from wire import AgentId, Kind, agent_id_of_session


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePart:
    agent_id: str
    """Whose profile it is."""

    stored: ProfileRow | None
    """None = the default one counts."""

    trouble: str = ""
    """Why it cannot be read; empty = it can."""


def profile_id(row_id: str, agent: Agent | None) -> AgentId | None:
    """Whose profile belongs to a row; None = it has none: workers and programs are nobody's profile."""
    if agent is not None and agent.beat.kind is not Kind.SESSION:
        return None
    return agent_id_of_session(row_id)


def is_of_group(agent: Agent, group: str, groups: Mapping[str, str]) -> bool:
    """Whether an agent's profile names this group. Workers belong to none.

    Args:
        groups: Of all agent ids, as `registry.groups` has them.
    """
    whose = profile_id(agent.agent_id, agent)
    return whose is not None and groups.get(whose) == group


async def profile_part(registry: Registry, agent_id: str) -> ProfilePart:
    """As it is stored."""
    try:
        stored = await asyncio.to_thread(registry.store.profiles.get, agent_id)
    except StoreError as error:
        return ProfilePart(agent_id=agent_id, stored=None, trouble=str(error))
    return ProfilePart(agent_id=agent_id, stored=stored)
