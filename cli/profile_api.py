"""The registry's API of stored profiles. Raises as `cli.connection`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cli.connection import Connection, quoted


class StoredProfile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an agent is, and who said so."""

    profile: msgspec.Raw
    """In the registry's own words."""

    updated_at: datetime | None = None
    updated_by: str = ""


class ProfileApi:
    """The profiles that one registry has stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, agent_id: str) -> StoredProfile:
        """An agent's profile. `RefusedError.code` is ``unknown_profile`` when none is stored."""
        return self._connection.decode(await self._connection.ask("GET", _path(agent_id)), StoredProfile)

    async def put(self, agent_id: str, profile: bytes, *, by: str) -> None:
        """Store a profile, which is JSON already."""
        await self._connection.send(_path(agent_id), profile, method="PUT", parameters={"by": by})

    async def delete(self, agent_id: str) -> None:
        """Let the default profile apply again."""
        await self._connection.ask("DELETE", _path(agent_id))


def _path(agent_id: str) -> str:
    return f"/api/agents/{quoted(agent_id)}/profile"
