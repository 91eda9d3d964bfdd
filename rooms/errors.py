"""Why a room is not kept as somebody asked for."""

from __future__ import annotations


class RoomsError(Exception):
    """The message is one sentence with the value and the way out."""


class NoRoomError(RoomsError):
    """LiveKit has no such room."""


class NotKeepingError(RoomsError):
    """This registry keeps no rooms: it has no keys, is told not to, or another one leads."""


class LiveKitError(RoomsError):
    """LiveKit is out of reach, or did not do it."""


class LockError(RoomsError):
    """Nobody knows which registry keeps the rooms: the database does not say."""


def no_room(name: str) -> NoRoomError:
    """LiveKit has no room of this name."""
    return NoRoomError(
        f"LiveKit has no room {name[:80]!r}; `roomkeeper rooms` and `GET /api/livekit/rooms` list those it has"
    )
