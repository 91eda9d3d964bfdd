"""A pretend room keeper and pretend processes, and views for them: for the page, without anything behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from processes import ClosingError, Snapshot, State
from registry.errors import UnknownSessionError
from registry.running import Registry
from registry.session_records import Record, SessionRow, Timed
from registry.store import Store, StoreError
from rooms.errors import RoomsError
from rooms.views import (
    CloseReport,
    DispatchStats,
    GraceStats,
    HumanView,
    KeeperView,
    RecoveryStats,
    RoomAgentView,
    RoomStats,
    RoomView,
    WhyView,
)


class WithParts:
    """A registry with other parts in place of some of its own."""

    def __init__(self, registry: Registry, parts: Mapping[str, Any]) -> None:
        self._registry = registry
        self._parts = parts

    @classmethod
    def of(cls, registry: Registry, parts: Mapping[str, Any]) -> Registry:
        """`registry` itself when nothing stands in."""
        return cast(Registry, cls(registry, parts)) if parts else registry

    def __getattr__(self, name: str) -> Any:
        return self._parts[name] if name in self._parts else getattr(self._registry, name)


def ago(seconds: float) -> datetime:
    """So many seconds before now; of a negative number, after."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


def a_room(name: str = "agent-1-room", *, humans: Sequence[str] = (), **fields: Any) -> RoomView:
    """A room; `humans` by their identities."""
    whole: dict[str, Any] = {
        "sid": "RM_1",
        "agent_id": "1",
        "phase": "active" if humans else "empty",
        "phase_since": ago(70),
        "since": ago(130),
        "grace_ends_at": None,
        "humans": tuple(
            HumanView(identity=one, role="coach" if one.startswith("coach-") else "client") for one in humans
        ),
        "agents": (),
        "last_decision": None,
        "trouble": None,
        "closed": None,
        "attempts": 0,
    }
    return RoomView(name=name, **(whole | fields))


def an_agent(identity: str = "ai-1-AJ_1", *, health: str = "alive", **fields: Any) -> RoomAgentView:
    """An agent in a room."""
    whole: dict[str, Any] = {
        "agent_id": "1",
        "incarnation": f"of {identity}",
        "row_id": "1",
        "joined_at": ago(65),
        "leaving": None,
    }
    return RoomAgentView(identity=identity, health=health, **(whole | fields))


def stats(**fields: Any) -> RoomStats:
    """Statistics of a keeper with some work behind it."""
    whole: dict[str, Any] = {
        "since": ago(9_000),
        "phases": {},
        "without_agent": 0,
        "grace": GraceStats(started=9, cancelled=6, expired=2, average_seconds=41.26),
        "recoveries": RecoveryStats(count=3, failed=0, average_seconds=0.416),
        "dispatches": DispatchStats(sent=13, answered=12, p50_seconds=0.314, p95_seconds=1.21),
        "sessions": 44,
        "exit_codes": {"0": 40, "1": 1},
        "crash_rate": 0.0244,
        "minutes_saved": 312.4,
    }
    return RoomStats(**(whole | fields))


def a_session(id: str = "session-1", **fields: Any) -> SessionRow:
    """A session that goes on."""
    whole: dict[str, Any] = {
        "row_id": "1",
        "agent_id": "1",
        "room": "agent-1-room",
        "started_at": ago(600),
        "heard_at": ago(1),
        "most_humans": 1,
    }
    return SessionRow(id=id, **(whole | fields))


class PretendKeeper:
    """Tells what it was given, and notes what it is asked for."""

    def __init__(self) -> None:
        self.view = KeeperView(
            is_on=True,
            is_leading=True,
            is_led=True,
            is_reachable=True,
            livekit_url="ws://localhost:7880",
            trouble=None,
            webhook_seen_at=None,
            forged_webhooks=0,
        )
        self.views: dict[str, RoomView] = {}
        self.whys: dict[str, WhyView] = {}
        self.counts = stats()
        self.closed: list[tuple[str, str, str, bool]] = []
        """Name, by, reason, force."""

        self.error: RoomsError | None = None

    def put(self, *rooms: RoomView) -> None:
        """These rooms are there, besides those that were."""
        self.views |= {room.name: room for room in rooms}

    def is_now(self, **fields: Any) -> None:
        """Change its own state."""
        self.view = msgspec.structs.replace(self.view, **fields)

    def state(self) -> KeeperView:
        return self.view

    def rooms(self) -> tuple[RoomView, ...]:
        return tuple(sorted(self.views.values(), key=lambda room: room.name))

    def room(self, name: str) -> RoomView | None:
        return self.views.get(name)

    def why(self, name: str) -> WhyView:
        return self.whys.get(name) or WhyView(
            room=name,
            answer="There is no such room.",
            facts=(),
            next_step="nothing, until somebody joins it",
            next_at=None,
            events=(),
        )

    def stats(self) -> RoomStats:
        return self.counts

    async def close(self, name: str, *, by: str, reason: str, force: bool) -> CloseReport:
        if self.error is not None:
            raise self.error
        self.closed.append((name, by, reason, force))
        agents = tuple(agent.identity for agent in self.views[name].agents)
        return CloseReport(
            room=name,
            asked=() if force else agents,
            removed=agents if force else (),
            humans_left_there=len(self.views[name].humans),
        )


class PretendSessions:
    """Statistics are those that the keeper gave; what one session tells is in the real database."""

    def __init__(self) -> None:
        self.store: Store | None = None
        self.is_broken = False
        self.journal_days = 30
        self.history_days = 30
        self.measured: tuple[Sequence[Timed], Sequence[tuple[datetime, float]]] = ((), ())

    async def record(self, session_id: str) -> Record:
        assert self.store is not None
        row = self.store.sessions.get(session_id)
        if row is None:
            raise UnknownSessionError(f"no session {session_id!r}")
        turns = self.store.sessions.turns(session_id, limit=1_000, with_earlier=False)
        return Record(row, turns, self.store.sessions.events(session_id))

    async def times(
        self, agent_id: str, *, since: datetime, limit: int
    ) -> tuple[Sequence[Timed], Sequence[tuple[datetime, float]]]:
        return self.measured

    async def stats(self, counts: RoomStats) -> RoomStats:
        if self.is_broken:
            raise StoreError("the disk is full")
        return counts


def a_process(process_id: str = "front-desk", *, state: State = State.RUNNING, **fields: Any) -> Snapshot:
    """A process of this host."""
    whole: dict[str, Any] = {
        "name": process_id.replace("-", " ").capitalize(),
        "command": "python agent.py start",
        "is_wanted": state not in (State.STOPPED, State.STOPPING),
        "pid": 4190 if state in (State.STARTING, State.RUNNING, State.STOPPING) else None,
        "started_at": ago(95) if state in (State.STARTING, State.RUNNING, State.STOPPING) else None,
        "exit_code": None,
        "restarts": 0,
        "retry_at": None,
        "trouble": None,
    }
    return Snapshot(process_id=process_id, state=state, **(whole | fields))


class PretendSupervisor:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.trouble: str | None = None
        self.processes: dict[str, Snapshot] = {}
        self.log: dict[str, list[str]] = {}

    def snapshots(self) -> list[Snapshot]:
        return list(self.processes.values())

    def lines(self, process_id: str, n: int) -> list[str]:
        return self.log.get(process_id, [])[-n:]

    async def look(self) -> None:
        pass


class PretendChildren:
    """Processes that do at once what they are asked for."""

    def __init__(self, file: Path) -> None:
        self.supervisor = PretendSupervisor(file)
        self.rows: dict[str, tuple[str, ...]] = {}
        self.asked: list[tuple[str, str, str, str]] = []
        """What, of which process, by, reason."""

        self.is_closing = False

    def put(self, *processes: Snapshot) -> None:
        """These are defined, besides those that were."""
        self.supervisor.processes |= {one.process_id: one for one in processes}

    def row_ids(self) -> dict[str, tuple[str, ...]]:
        return self.rows

    async def start(self, process_id: str, *, by: str, reason: str) -> None:
        self._do("start", process_id, by, reason, state=State.RUNNING, pid=77, is_wanted=True)

    async def restart(self, process_id: str, *, by: str, reason: str) -> None:
        self._do("restart", process_id, by, reason, state=State.STARTING, is_wanted=True)

    async def stop(self, process_id: str, *, by: str, reason: str, force: bool = False) -> None:
        self._do(
            "kill" if force else "stop",
            process_id,
            by,
            reason,
            state=State.STOPPED,
            pid=None,
            is_wanted=False,
        )

    async def start_all(self, *, by: str, reason: str) -> list[Snapshot]:
        for process_id in self.supervisor.processes:
            await self.start(process_id, by=by, reason=reason)
        return self.supervisor.snapshots()

    def _do(self, what: str, process_id: str, by: str, reason: str, **fields: Any) -> None:
        if self.is_closing:
            raise ClosingError("the registry is ending and starts nothing; ask again when it is back")
        self.asked.append((what, process_id, by, reason))
        now = self.supervisor.processes[process_id]
        self.supervisor.processes[process_id] = replace(now, **fields)
