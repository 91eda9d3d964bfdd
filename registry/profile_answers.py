"""Bodies and answers of the API of profiles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

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
