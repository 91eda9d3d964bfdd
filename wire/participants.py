"""Who is who in a room: names and attributes that every process of ours gives and reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping

OURS = "ai-"
"""Identities of agents and of room holds begin so."""

INCARNATION = "roomkeeper.incarnation"
"""Attribute of every Roomkeeper agent: UUID of one process life."""

AGENT_ID = "roomkeeper.agent_id"
LEAVING = "roomkeeper.leaving"
"""Attribute of an agent on its way out: the close reason."""

NOTES = "roomkeeper.notes"
"""Attribute of an agent: what a human in the room should know of it, as a JSON object; empty = nothing.

``{"waiting": "llm" | "stt" | "tts", "avatar": "absent" | "failed: <reason>", "vision": true | "not understood",
"translate": "es", "fallback": ["tts: cartesia is not installed"]}``; a key that does not apply is left out.
"""

NOT_HUMAN = ("lk.publish_on_behalf", "lk.simulator")
"""Attributes of an avatar, which speaks for an agent, and of LiveKit's simulated caller."""

CLIENT = "client"
"""Role of whom the agent is there for."""

COACH = "coach"
"""Role of who listens in; the identity begins with `coach-`."""

STATUS_METHOD = "roomkeeper.status"
"""RPC method of every session: how it is."""

LEAVE_METHOD = "roomkeeper.leave"
"""RPC method of every session: begin to leave. Payload: ``{"token": …, "reason": "operator" | "duplicate"}``."""


def is_human(*, kind: int, identity: str, attributes: Mapping[str, str], human_kinds: frozenset[int]) -> bool:
    """A person, by any line: not an agent, avatar, recorder, stream, simulator or room hold.

    Args:
        kind: As the room's SDK or the server's API numbers it.
        human_kinds: STANDARD, SIP and CONNECTOR in the same numbering.
    """
    return (
        kind in human_kinds
        and not identity.startswith(OURS)
        and not any(attributes.get(name) for name in NOT_HUMAN)
    )


def role_of(identity: str) -> str:
    """`COACH` or `CLIENT`."""
    return COACH if identity.startswith("coach-") else CLIENT
