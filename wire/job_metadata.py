"""The metadata of a dispatch that the room keeper makes: which agent is wanted, and whose conversation it goes on with.

A JSON object: ``{"agent_id": "7", "resumes": "<incarnation>"}``; `agent_id` is read by `wire.agent_id`.
"""

from __future__ import annotations

import json

from wire.agent_id import AgentId

_LONGEST = 64


def job_metadata(agent_id: AgentId, *, resumes: str | None = None) -> str:
    """Metadata of a dispatch.

    Args:
        resumes: Incarnation of the session that this one goes on with; None = a new conversation.
    """
    fields = {"agent_id": agent_id} | ({"resumes": resumes} if resumes else {})
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def resumes_in(metadata: str) -> str | None:
    """The incarnation whose conversation a job goes on with; None = none, or the metadata is something else."""
    try:
        parsed = json.loads(metadata) if metadata.strip() else None
    except (ValueError, RecursionError):
        return None
    resumes = parsed.get("resumes") if isinstance(parsed, dict) else None
    return resumes if isinstance(resumes, str) and 0 < len(resumes) <= _LONGEST else None
