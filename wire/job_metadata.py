"""The metadata of a dispatch that the room keeper makes: which agent is wanted, and whose conversation it goes on with.

A JSON object: ``{"agent_id": "7", "resumes": "<incarnation>"}``; `agent_id` is read by `wire.agent_id`.
"""

from __future__ import annotations

import json
import re

from wire.agent_id import AgentId

_LONGEST = 64
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


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
    is_one = isinstance(resumes, str) and 0 < len(resumes) <= _LONGEST and _PLAIN.fullmatch(resumes)
    return resumes if is_one else None


def successors_metadata(metadata: str, *, agent_id: AgentId, resumes: str | None) -> str:
    """Metadata for an agent that takes another one's place: the same, but for whose conversation it goes on with.

    Args:
        metadata: Of the job that ends. What is no JSON object is kept only where there is nothing to go on with.
        agent_id: Which agent it is.
        resumes: As in `job_metadata`.
    """
    try:
        parsed = json.loads(metadata) if metadata.strip() else {}
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        return job_metadata(agent_id, resumes=resumes) if resumes else metadata
    if resumes:
        parsed |= {"agent_id": agent_id, "resumes": resumes}
    elif "resumes" in parsed:
        del parsed["resumes"]
    else:
        return metadata
    return json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))
