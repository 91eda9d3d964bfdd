"""Room keeping as a part of a registry, on a real fleet, with LiveKit and the database in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from config import LiveKitLogin
from registry.keeping import RoomKeeping, keep_rooms
from registry.records import AgentRow
from registry.session_records import LOST, ClosureRow, RoomEvent, SessionRow
from registry.store import StoreError
from rooms.keeper import Keeper
from tests.registry.room_fleet import ROOM, START, Line, Play, play
from tests.rooms.fake_livekit import FakeLiveKit, FakeParticipant

LOGIN = LiveKitLogin(url="ws://livekit.example", api_key="key", api_secret=SecretStr("s" * 36))


class FakeStore:
    """`registry.keeping.KeepingStore`."""

    def __init__(self) -> None:
        self.error: StoreError | None = None
        self.written: list[RoomEvent] = []
        self.kept: dict[str, ClosureRow] = {}
        self.rows: dict[str, str] = {}
        """Row id → incarnation, of those that are not over."""

        self.pruned: list[datetime] = []

    @property
    def rooms(self) -> FakeStore:
        return self

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    def incarnations(self) -> dict[str, str]:
        self._fail()
        return dict(self.rows)

    def closures(self) -> list[ClosureRow]:
        self._fail()
        return list(self.kept.values())

    def add_closure(self, row: ClosureRow) -> None:
        self._fail()
        self.kept[row.room_sid] = row

    def remove_closure(self, room_sid: str) -> None:
        self._fail()
        self.kept.pop(room_sid, None)

    def add_events(self, events: Sequence[RoomEvent]) -> None:
        self._fail()
        self.written += events

    def prune(self, before: datetime) -> int:
        self._fail()
        self.pruned.append(before)
        return 0


class FakeLock:
    """A database's lock, which one registry gets."""

    def __init__(self) -> None:
        self.error: StoreError | None = None
        self.held = False
        self.n_released = 0

    def try_acquire(self) -> bool:
        if self.error is not None:
            raise self.error
        self.held = True
        return True

    def is_held(self) -> bool:
        return self.held

    def release(self) -> None:
        self.held = False
        self.n_released += 1
        if self.error is not None:
            raise self.error


class Stage:
    def __init__(self, p: Play, livekit: FakeLiveKit, keeper: Keeper) -> None:
        self.p, self.livekit, self.keeper = p, livekit, keeper

    def agent(self, incarnation: str = "one", **fields: Any) -> Line:
        """A session in its room, which beats on a line."""
        line = Line()
        self.livekit.agent(ROOM, incarnation, **fields)
        self.p.session(incarnation, line=line)
        return line


@asynccontextmanager
async def keeping(
    monkeypatch: pytest.MonkeyPatch,
    *,
    how: RoomKeeping | None = None,
    livekit: FakeLiveKit | None = None,
    store: FakeStore | None = None,
    lock: FakeLock | None = None,
    sessions: Sequence[SessionRow] = (),
    lost: list[str] | None = None,
    ended: list[tuple[str, str]] | None = None,
    rows: list[AgentRow] | None = None,
) -> AsyncIterator[Stage]:
    livekit = livekit or FakeLiveKit(worker_takes=0.3)
    monkeypatch.setattr("registry.keeping.LiveKitServer", lambda _login, agent_name: livekit)

    async def tell_lost(session_ids: Iterable[str], *, reason: str = LOST) -> Sequence[str]:
        ids = list(session_ids)
        if reason == LOST and lost is not None:
            lost.extend(ids)
        if reason != LOST and ended is not None:
            ended.extend((session_id, reason) for session_id in ids)
        return ids

    async with play(rows) as p:

        def came(_room: str, agent: FakeParticipant) -> None:
            p.session(agent.identity.removeprefix("ai-1-"), line=Line())

        livekit.on_agent = came
        async with keep_rooms(
            how or RoomKeeping(login=LOGIN),
            fleet=p.fleet,
            orders=p.orders,
            beats=p.beats,
            store=store or FakeStore(),
            lock=lock or FakeLock(),
            sessions=sessions,
            clock=p.clock,
            changed=lambda _: None,
            lost=tell_lost,
        ) as keeper:
            await asyncio.sleep(3)
            yield Stage(p, livekit, keeper)


def a_row(session_id: str, **fields: Any) -> SessionRow:
    given: dict[str, Any] = {
        "row_id": session_id,
        "agent_id": "7",
        "room": "lobby",
        "started_at": START,
        "heard_at": START,
    }
    return SessionRow(id=session_id, **(given | fields))
