"""Which agent a room or a job's metadata asks for."""

from __future__ import annotations

import json
import re
from typing import NewType

AgentId = NewType("AgentId", str)
"""The `<id>` of ``agent-<id>-room``: 1 to 128 letters, digits, ``.``, ``_`` or ``-``, a letter or digit first."""

_AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ROOM = re.compile(r"agent-(?P<agent_id>.+)-room", re.DOTALL)
_SHOWN = 40  # characters of a bad value that an error repeats


class AgentIdError(ValueError):
    """A room name or metadata that names no agent. The message is one line with the value and the way out."""


def parse_agent_id(value: object) -> AgentId:
    """`value` as an agent id.

    Raises:
        AgentIdError: It is not a string, is empty, too long, or has other characters.
    """
    if not isinstance(value, str):
        raise AgentIdError(f"agent id {_shown(value)} is not a string; write it in quotes")
    if not _AGENT_ID.fullmatch(value):
        raise AgentIdError(
            f"agent id {_shown(value)} must be 1 to 128 letters, digits, '.', '_' or '-', a letter or digit first"
        )
    return AgentId(value)


def agent_id_in_room(room_name: str) -> AgentId:
    """The id in ``agent-<id>-room``.

    Raises:
        AgentIdError: The name has another form, or its id is not one.
    """
    match = _ROOM.fullmatch(room_name)
    if match is None:
        raise AgentIdError(f"room {_shown(room_name)} is not named agent-<id>-room")
    return parse_agent_id(match["agent_id"])


def agent_id_in_metadata(metadata: str) -> AgentId | None:
    """The ``agent_id`` of a job's metadata; None when there is no metadata or no such key in it.

    Args:
        metadata: A JSON object, like ``{"agent_id": "1"}``, or the empty string.

    Raises:
        AgentIdError: The metadata is not a JSON object, or its ``agent_id`` is not an id.
    """
    if not metadata.strip():
        return None
    try:
        parsed = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise AgentIdError(
            f'metadata is not JSON ({type(error).__name__}); send {{"agent_id": "1"}}'
        ) from error
    if not isinstance(parsed, dict):
        raise AgentIdError('metadata is JSON but not an object; send {"agent_id": "1"}')
    if "agent_id" not in parsed:
        return None
    return parse_agent_id(parsed["agent_id"])


def agent_id_of_session(row_id: str) -> AgentId | None:
    """Whose session beats under `row_id`; None = it is no agent's.

    Sessions in rooms of other names are called ``<id>@<room>``, and an older one of two ``<id>~<characters>``.
    """
    try:
        return parse_agent_id(row_id.partition("@")[0].partition("~")[0])
    except AgentIdError:
        return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(str(value))} characters)"
