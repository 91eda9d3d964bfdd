"""The registry's API of sessions, past and present. Raises as `cli.connection`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cli.connection import Connection


class Session(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent in one room."""

    id: str
    """Its incarnation."""

    agent_id: str
    room: str
    host: str | None = None
    resumes: str | None = None
    started_at: datetime
    heard_at: datetime | None = None
    ended_at: datetime | None = None
    most_humans: int = 0
    turns: int = 0
    close_reason: str | None = None
    exit_code: int | None = None
    is_open: bool = False


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    sessions: tuple[Session, ...]


class SessionApi:
    """The sessions of one registry."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def raw(self, *, room: str | None, agent_id: str | None, is_open: bool, limit: int) -> bytes:
        """The newest sessions, in the registry's own words: see `decode`.

        Args:
            room: Only of this room; None = of all.
            agent_id: Only of this agent; None = of all.
            is_open: Only those that have not ended.
        """
        wanted = {
            "room": room,
            "agentId": agent_id,
            "open": "true" if is_open else None,
            "limit": str(limit),
        }
        parameters = {name: value for name, value in wanted.items() if value is not None}
        return await self._connection.ask("GET", "/api/sessions", parameters=parameters)

    def decode(self, raw: bytes) -> tuple[Session, ...]:
        return self._connection.decode(raw, Sessions).sessions
