"""Who in a room is human."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from livekit import rtc

from wire import CLIENT, COACH, is_human, role_of

RTC_HUMAN_KINDS = frozenset(
    {
        rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
        rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
        rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
    }
)
"""Kinds as the room's SDK numbers them. The server's API has other numbers: CONNECTOR is 5 here, 7 there."""


class Role(enum.Enum):
    CLIENT = CLIENT  # whom the agent is there for
    COACH = COACH  # listens in; identity begins with `coach-`


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


def humans_among(
    participants: Iterable[_Participant], *, human_kinds: frozenset[int] = RTC_HUMAN_KINDS
) -> list[Human]:
    """The humans, in the order given."""
    return [
        Human(identity=p.identity, role=Role(role_of(p.identity)))
        for p in participants
        if is_human(kind=p.kind, identity=p.identity, attributes=p.attributes, human_kinds=human_kinds)
    ]
