"""Who in a room is human."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from livekit import rtc

OURS = "ai-"
"""Identities of agents and of room holds begin so."""

INCARNATION = "roomkeeper.incarnation"
"""Attribute of every Roomkeeper agent: UUID of one process life."""

AGENT_ID = "roomkeeper.agent_id"
LEAVING = "roomkeeper.leaving"
"""Attribute of an agent on its way out: the close reason."""

_NOT_HUMAN = ("lk.publish_on_behalf", "lk.simulator")
"""Attributes of an avatar, which speaks for an agent, and of LiveKit's simulated caller."""

RTC_HUMAN_KINDS = frozenset(
    {
        rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
        rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
        rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
    }
)
"""Kinds as the room's SDK numbers them. The server's API has other numbers: CONNECTOR is 5 here, 7 there."""


class Role(enum.Enum):
    CLIENT = "client"  # whom the agent is there for
    COACH = "coach"  # listens in; identity begins with `coach-`


@dataclass(frozen=True, slots=True, kw_only=True)
class Human:
    identity: str
    role: Role


class _Participant(Protocol):
    """What the room's SDK and the server's API have in common."""

    @property
    def kind(self) -> int: ...
    @property
    def identity(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


def is_human(
    *, kind: int, identity: str, attributes: Mapping[str, str], human_kinds: frozenset[int] = RTC_HUMAN_KINDS
) -> bool:
    """A person, by any line: not an agent, avatar, recorder, stream, simulator or room hold."""
    return (
        kind in human_kinds
        and not identity.startswith(OURS)
        and not any(attributes.get(name) for name in _NOT_HUMAN)
    )


def humans_among(
    participants: Iterable[_Participant], *, human_kinds: frozenset[int] = RTC_HUMAN_KINDS
) -> list[Human]:
    """The humans, in the order given."""
    return [
        Human(identity=p.identity, role=Role.COACH if p.identity.startswith("coach-") else Role.CLIENT)
        for p in participants
        if is_human(kind=p.kind, identity=p.identity, attributes=p.attributes, human_kinds=human_kinds)
    ]
