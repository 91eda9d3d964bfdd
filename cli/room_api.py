"""The registry's API of rooms. Raises as `cli.connection`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from cli.connection import Connection, quoted
from cli.room_answers import Closed, Collection, Room, Rooms, Why

_T = TypeVar("_T")
_ROOMS = "/api/livekit/rooms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Generic[_T]):
    """An answer, and the same in the registry's own words."""

    value: _T
    raw: bytes


class RoomApi:
    """The rooms of one registry."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> Told[Rooms]:
        """All rooms, and the room keeper."""
        return await self._told(_ROOMS, Rooms)

    async def one(self, name: str) -> Room:
        """One room. `RefusedError.status` is 404 when LiveKit does not list it."""
        return (await self._told(f"{_ROOMS}/{quoted(name)}", Room)).value

    async def why(self, name: str) -> Told[Why]:
        """Why there is, or is not, an agent in a room; also of rooms that are not there."""
        return await self._told(f"{_ROOMS}/{quoted(name)}/why", Why)

    async def close(self, name: str, *, reason: str, by: str, force: bool) -> Closed:
        """Let its agents leave, and let none come until the room ends.

        Args:
            force: Remove agents at once instead of asking them.
        """
        body = {"reason": reason, "by": by, "force": force}
        answer = await self._connection.ask("POST", f"{_ROOMS}/{quoted(name)}/close", body)
        return self._connection.decode(answer, Closed)

    async def collect_garbage(self, *, reason: str, by: str, dry_run: bool) -> Collection:
        """Delete rooms and agents that nobody needs."""
        body = {"reason": reason, "by": by, "dryRun": dry_run}
        answer = await self._connection.ask("POST", "/api/livekit/gc", body)
        return self._connection.decode(answer, Collection)

    async def _told(self, path: str, kind: type[_T]) -> Told[_T]:
        answer = await self._connection.ask("GET", path)
        return Told(value=self._connection.decode(answer, kind), raw=answer)
