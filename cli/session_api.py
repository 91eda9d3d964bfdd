"""The registry's API of sessions, past and present. Raises as `cli.connection`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cli.connection import Connection, quoted


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


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Of some durations, in seconds."""

    count: int
    p50: float
    p95: float


class Waits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How long people waited; None = not measured."""

    first_audio: Spread | None = None
    total: Spread | None = None
    stt: Spread | None = None
    end_of_turn: Spread | None = None
    llm: Spread | None = None
    tts: Spread | None = None


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened."""

    kind: str
    text: str = ""
    at: datetime
    since: float = 0.0
    """Seconds from the beginning of the session."""


class Cost(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one model has used."""

    model: str
    used: str = ""
    dollars: float | None = None
    is_local: bool = False


class Costs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An estimate by list prices."""

    models: tuple[Cost, ...] = ()
    dollars: float = 0.0
    is_whole: bool = True
    as_of: str = ""


class SessionRecord(Session, frozen=True, kw_only=True, rename="camel"):
    """A session, with what happened in it. An older registry leaves most of it out."""

    is_transcribed: bool = True
    events: tuple[Happening, ...] = ()
    more_events: int = 0
    latencies: Waits = Waits()
    cost: Costs = Costs()


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

    async def raw_one(self, session_id: str) -> bytes:
        """One session, in the registry's own words."""
        return await self._connection.ask("GET", _path(session_id))

    def decode_one(self, raw: bytes) -> SessionRecord:
        return self._connection.decode(raw, SessionRecord)

    async def transcript(self, session_id: str, *, kind: str) -> bytes:
        """What was said in it, as a file.

        Args:
            kind: `json`, `vtt` or `text`.
        """
        return await self._connection.ask(
            "GET", f"{_path(session_id)}/transcript", parameters={"format": kind}
        )


def _path(session_id: str) -> str:
    return f"/api/sessions/{quoted(session_id)}"
