"""The registry's API of stored profiles. Raises as `cli.connection`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from cli.connection import Connection, quoted


class StoredProfile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an agent is, and who said so."""

    profile: msgspec.Raw
    """In the registry's own words."""

    updated_at: datetime | None = None
    updated_by: str = ""


class ProfileSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A stored profile without its long texts."""

    agent_id: str
    name: str = ""
    description: str = ""
    group: str | None = None
    voice: str | None = None
    language: str | None = None
    updated_at: datetime | None = None
    updated_by: str = ""


class ProfileList(msgspec.Struct, frozen=True, kw_only=True):
    """By agent id."""

    profiles: tuple[ProfileSummary, ...]
    total: int


class ImportEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one profile of a file does, or would do."""

    number: int
    agent_id: str = ""
    outcome: str = ""
    """`new`, `replaces`, `same` or `broken`."""

    error: str = ""
    warnings: tuple[str, ...] = ()


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a file does, or would do."""

    entries: tuple[ImportEntry, ...]
    stored: int = 0


class ProfileApi:
    """The profiles that one registry has stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, agent_id: str) -> StoredProfile:
        """An agent's profile. `RefusedError.code` is ``unknown_profile`` when none is stored."""
        return self._connection.decode(await self._connection.ask("GET", _path(agent_id)), StoredProfile)

    async def raw_list(self, *, group: str | None, search: str | None, limit: int) -> bytes:
        """Profiles by agent id, in the registry's own words: see `decode_list`.

        Args:
            group: Only of this one, exactly; None = of any.
            search: A text in them; None = any.
        """
        wanted = {"group": group, "search": search, "limit": str(limit)}
        return await self._connection.ask("GET", "/api/profiles", parameters=_given(wanted))

    def decode_list(self, raw: bytes) -> ProfileList:
        return self._connection.decode(raw, ProfileList)

    async def export(self, agent_ids: Sequence[str], *, group: str | None) -> bytes:
        """Profiles as a file for `import_file`: of these agents, or of all; of a group, or of any."""
        parameters: dict[str, str | list[str]] = dict(_given({"group": group}))
        if agent_ids:
            parameters["agentId"] = list(agent_ids)
        return await self._connection.ask("GET", "/api/profiles/export", parameters=parameters)

    async def import_file(self, data: bytes, *, dry_run: bool, only_valid: bool, by: str) -> ImportReport:
        """Store the profiles of a file.

        Args:
            dry_run: Only tell what would happen.
            only_valid: Leave out what is broken; otherwise one broken entry keeps all out, by `RefusedError`.
        """
        parameters = {"dryRun": str(dry_run).lower(), "onlyValid": str(only_valid).lower(), "by": by}
        answer = await self._connection.send("/api/profiles/import", data, parameters=parameters)
        return self._connection.decode(answer, ImportReport)

    async def script(self, agent_id: str) -> bytes:
        """An agent as a Python program. `RefusedError.code` is ``unknown_profile`` when none is stored."""
        return await self._connection.ask("GET", f"{_path(agent_id)}/script")

    async def put(self, agent_id: str, profile: bytes, *, by: str, only_new: bool = False) -> None:
        """Store a profile, which is JSON already.

        Args:
            only_new: Not over another one: then `RefusedError.code` is ``changed``.
        """
        await self._connection.send(
            _path(agent_id),
            profile,
            method="PUT",
            parameters={"by": by},
            headers={"If-None-Match": "*"} if only_new else {},
        )

    async def delete(self, agent_id: str) -> None:
        """Let the default profile apply again."""
        await self._connection.ask("DELETE", _path(agent_id))


def _given(values: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _path(agent_id: str) -> str:
    return f"/api/agents/{quoted(agent_id)}/profile"
