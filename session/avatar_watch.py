"""Whether an avatar's participant is in the room and has a voice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, get_args

from livekit import rtc

GONE_AFTER = 0.5
"""Seconds after which one that has left is gone: while it reconnects, LiveKit's SDK says so of everybody."""

_Event = Literal["participant_disconnected", "track_unpublished", "reconnected"]
_EVENTS: tuple[_Event, ...] = get_args(_Event)


class AvatarWatch:
    """Watches from its making until `close`.

    Args:
        room: Entered.
        identity: Of the avatar's participant.
        on_gone: Called with ``left`` or ``lost its voice``, perhaps more than once.
    """

    def __init__(self, room: rtc.Room, identity: str, *, on_gone: Callable[[str], None]) -> None:
        self._room = room
        self._identity = identity
        self._on_gone = on_gone
        self._looking: asyncio.TimerHandle | None = None
        for event in _EVENTS:
            room.on(event, self._look_soon)

    def close(self) -> None:
        """May be called twice."""
        for event in _EVENTS:
            self._room.off(event, self._look_soon)
        if self._looking is not None:
            self._looking.cancel()

    def _look_soon(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.get_running_loop().call_later(GONE_AFTER, self._look)

    def _look(self) -> None:
        if self._room.connection_state != rtc.ConnectionState.CONN_CONNECTED:
            return  # nobody is seen; there is another look when LiveKit is back
        avatar = self._room.remote_participants.get(self._identity)
        if avatar is None:
            self._on_gone("left")
        elif not any(one.kind == rtc.TrackKind.KIND_AUDIO for one in avatar.track_publications.values()):
            self._on_gone("lost its voice")
