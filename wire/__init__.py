"""The words that our processes say to each other: ids and profiles. Pure."""

from wire.agent_id import AgentId, AgentIdError, agent_id_in_metadata, agent_id_in_room, parse_agent_id
from wire.profile import DEFAULT_PROFILE, Profile, ProfileError, parse_profile

__all__ = [
    "DEFAULT_PROFILE",
    "AgentId",
    "AgentIdError",
    "Profile",
    "ProfileError",
    "agent_id_in_metadata",
    "agent_id_in_room",
    "parse_agent_id",
    "parse_profile",
]
