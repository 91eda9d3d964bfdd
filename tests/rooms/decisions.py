"""What is decided about the pictures of rooms, with the usual limits."""

from __future__ import annotations

from typing import Any

from rooms.decide import Act, Decision, decide
from rooms.limits import KeepLimits
from rooms.picture import Closure, RoomSeen, SessionSeen
from tests.rooms.pictures import NOW, a_picture

CLOSED = Closure(by="ann", reason="a test", at=NOW - 50)

_LIMITS = KeepLimits()


def decided(room: RoomSeen | None, *sessions: SessionSeen, now: float = NOW, **fields: Any) -> Decision:
    return decide(a_picture(room, *sessions, **fields), now=now, limits=_LIMITS)


def act(room: RoomSeen | None, *sessions: SessionSeen, **fields: Any) -> Act:
    return decided(room, *sessions, **fields).act
