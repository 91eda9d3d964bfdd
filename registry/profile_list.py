"""Which stored profiles somebody asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from registry.session_records import ProfileRow


def choose(rows: Iterable[ProfileRow], *, group: str = "", search: str = "") -> list[ProfileRow]:
    """Those of a group in which a text stands, in the order they come in.

    Args:
        group: Exactly this one; empty = any, and none.
        search: In the id, name, description, group, model, voice or language; case does not count; empty = any.
    """
    wanted = search.casefold()
    return [
        row
        for row in rows
        if (not group or row.profile.group == group) and (not wanted or wanted in _texts(row))
    ]


def _texts(row: ProfileRow) -> str:
    profile = row.profile
    texts = (
        row.agent_id, profile.name, profile.description, profile.group, profile.model, profile.voice,
        profile.language, profile.stt, profile.llm, profile.tts,
    )  # fmt: skip
    return "\0".join(text or "" for text in texts).casefold()
