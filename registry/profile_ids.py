"""Ids for agents whose profile is new: made of a name, and one that nobody has. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from wire import AgentId, parse_agent_id

_LONGEST = 60
"""Characters of an id that is made of a name, so that it can be said and typed."""

_USUAL = "agent"
"""For names without a letter that an id may have."""

_NUMBERED = re.compile(r"(.+)-(\d{1,6})")


def slug(name: str) -> AgentId:
    """An id made of a name: ``Zoë, front desk`` becomes ``zoe-front-desk``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return parse_agent_id(words[:_LONGEST].strip("-") or _USUAL)


def free_id(wanted: AgentId, taken: Container[str]) -> AgentId:
    """`wanted`, or with the first number from 2 on that nobody has: ``ada-2``."""
    if wanted not in taken:
        return wanted
    match = _NUMBERED.fullmatch(wanted)
    stem = (match[1] if match else wanted)[:120]
    number = int(match[2]) if match else 1
    while f"{stem}-{number}" in taken or number < 2:
        number += 1
    return parse_agent_id(f"{stem}-{number}")
