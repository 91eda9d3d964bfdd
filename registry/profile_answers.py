"""Bodies and answers of the API of profiles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from registry.api_requests import Author

PROFILE = {"$ref": "#/components/schemas/Profile"}
"""Schema of a profile, which is no struct."""

_Profile = Annotated[dict[str, Any], msgspec.Meta(extra_json_schema=PROFILE)]


class RegisterBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An agent, and what it is."""

    agent_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    profile: _Profile
    by: Author = "api"


class ProfileView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A profile that is stored."""

    agent_id: str
    profile: _Profile
    updated_at: datetime
    updated_by: str


class ProfileSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A profile that is stored, without its long texts."""

    agent_id: str
    name: str
    description: str
    group: str | None
    model: str | None
    voice: str | None
    language: str | None
    updated_at: datetime
    updated_by: str


class ProfileList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the profiles that were asked for, by agent id."""

    profiles: list[ProfileSummary]
    total: int
    """In all parts."""

    groups: list[str]
    """All that profiles name, whichever were asked for."""


class BundleEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An agent, and what it is."""

    agent_id: str
    profile: _Profile


class Bundle(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of profiles."""

    profiles: list[BundleEntry]
    version: int = 1


class ImportEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one profile of a file does, or would do."""

    number: int
    """From 1, in the order of the file."""

    agent_id: str
    outcome: Literal["new", "replaces", "same", "broken"]
    error: str
    """Why it is broken; empty = it is not."""

    warnings: list[str]


class ImportReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a file does, or would do."""

    entries: list[ImportEntry]
    stored: int
    """Profiles that were stored. Those that are the same already are not stored again."""
