"""Room keeping as a part of a registry: its parts put together, run, and ended in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from config import LiveKitLogin
from registry.clock import Clock
from registry.fleet import Fleet
from registry.orders import Orders
from registry.probing import Probing
from registry.room_beats import RoomBeats
from registry.room_records import RoomRecords, RoomStore
from registry.session_records import ClosureRow, SessionRow
from registry.store import StoreError
from rooms.errors import LockError
from rooms.keeper import Keeper
from rooms.keeping import Keeping
from rooms.leading import Leadership
from rooms.limits import Intervals
from rooms.livekit import LiveKit, LiveKitServer
from rooms.picture import Closure, SessionSeen
from wire import AgentIdError, parse_agent_id

logger = logging.getLogger(__name__)

_FORGET_INTERVAL = 3_600.0

_LOOK_AGAIN = 10.0
"""Seconds until the database is asked again whether old sessions go on."""

NO_KEYS = (
    "LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set for the registry, so it keeps no rooms"
)
SWITCHED_OFF = "ROOM_KEEPING is off, so this registry keeps no rooms"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomKeeping:
    """How rooms are kept."""

    login: LiveKitLogin | None = None
    """None = LiveKit's URL and keys are not set."""

    agent_name: str = ""
    """What workers are registered as; "" = they take automatic dispatches."""

    is_on: bool = True
    intervals: Intervals = field(default_factory=Intervals)

    @property
    def off(self) -> str | None:
        """Why no rooms are kept; None = they are."""
        if self.login is None:
            return NO_KEYS
        return None if self.is_on else SWITCHED_OFF


class _Lock(Protocol):
    """`registry.store`'s keeper lock."""

    def try_acquire(self) -> bool: ...
    def is_held(self) -> bool: ...
    def release(self) -> None: ...


class RoomHistory(RoomStore, Protocol):
    """`registry.store`'s part for rooms. Blocks; raises `StoreError`."""

    def closures(self) -> list[ClosureRow]: ...
    def remove_closure(self, room_sid: str) -> None: ...
    def prune(self, before: datetime) -> int: ...


class KeepingStore(Protocol):
    """`registry.store.Store`, as far as rooms need it. Blocks; raises `StoreError`."""

    @property
    def rooms(self) -> RoomHistory: ...
    def incarnations(self) -> dict[str, str]: ...


class Lost(Protocol):
    """`registry.sessions.Sessions.lost`. Never raises `StoreError`."""

    def __call__(
        self, session_ids: Iterable[str], *, reason: str = ...
    ) -> Coroutine[Any, Any, Sequence[str]]: ...


class _StoreLock:
    """`rooms.leading.Lock`."""

    def __init__(self, lock: _Lock) -> None:
        self._lock = lock

    def try_acquire(self) -> bool:
        try:
            return self._lock.try_acquire()
        except StoreError as error:
            raise LockError(str(error)) from error

    def is_held(self) -> bool:
        return self._lock.is_held()

    def release(self) -> None:
        with suppress(StoreError):
            self._lock.release()


@asynccontextmanager
async def keep_rooms(
    how: RoomKeeping,
    *,
    fleet: Fleet,
    orders: Orders,
    beats: RoomBeats,
    store: KeepingStore,
    lock: _Lock,
    sessions: Sequence[SessionRow],
    clock: Clock,
    changed: Callable[[str], None],
    lost: Lost,
    history_days: int = 30,
) -> AsyncIterator[Keeper]:
    """Keep rooms, as far as they are to be kept.

    Args:
        sessions: Those that have not ended: which agent belongs where.
        changed: Called with the name of a room of which a page would show something else.
        lost: Told the incarnations whose processes are gone; of those that said goodbye, why they left.
        history_days: Days that the history of rooms is kept.
    """
    records = RoomRecords(store.rooms, clock=clock)
    probing = Probing(fleet, orders, beats)
    beats.on_doubt = probing.begin
    livekit = None if how.login is None or how.off else LiveKitServer(how.login, agent_name=how.agent_name)
    tasks = _Tasks()
    keeping = None
    if livekit is not None:
        keeping = await _build(
            how,
            livekit,
            beats=beats,
            records=records,
            store=store,
            lock=lock,
            sessions=sessions,
            clock=clock,
            changed=changed,
        )
        keeping.leadership.changed = _on_leading(keeping, store.rooms, clock, tasks)
        tasks.add(keeping.leadership.run(), "rooms-leading")
        tasks.add(keeping.run(), "rooms-keeping")
    keeper = Keeper(
        keeping,
        records=records,
        clock=clock.monotonic,
        date_of=clock.date_of,
        off=how.off,
        livekit_url=None if how.login is None else how.login.url,
        agent_name=how.agent_name,
    )
    if keeping is not None:
        tasks.add(keeper.run_garbage(), "rooms-garbage")
    tasks.add(records.run(), "rooms-records")
    tasks.add(_forget_old(store.rooms, clock, timedelta(days=history_days)), "rooms-forget")
    beats.on_room = keeper.wake
    beats.on_lost = lambda incarnation: tasks.add(lost([incarnation]), "rooms-lost")
    beats.on_stopped = lambda incarnation, reason: tasks.add(
        lost([incarnation], reason=reason), "rooms-stopped"
    )
    tasks.add(_end_old(sessions, fleet, store, lost), "rooms-old-sessions")
    try:
        yield keeper
    finally:
        await probing.aclose()
        await tasks.aclose()
        if keeping is not None:
            await keeping.leadership.aclose()
        if livekit is not None:
            await livekit.aclose()
        await records.flush()


async def _build(
    how: RoomKeeping,
    livekit: LiveKit,
    *,
    beats: RoomBeats,
    records: RoomRecords,
    store: KeepingStore,
    lock: _Lock,
    sessions: Iterable[SessionRow],
    clock: Clock,
    changed: Callable[[str], None],
) -> Keeping:
    leadership = Leadership(_StoreLock(lock))
    keeping = Keeping(
        livekit,
        beats=beats,
        leadership=leadership,
        record=records.add,
        clock=clock.monotonic,
        changed=changed,
        intervals=how.intervals,
    )
    beats.on_worker = keeping.wake_all

    def on_phase(old: SessionSeen, new: SessionSeen, length: float) -> None:
        if new.phase == "grace_period" != old.phase:
            keeping.counts.grace_started += 1
        elif old.phase == "grace_period" and new.phase == "active":
            keeping.counts.grace_ended(length, is_cancelled=True)
        elif old.phase == "grace_period" and new.closing == "humans_left":
            keeping.counts.grace_ended(length, is_cancelled=False)

    beats.on_phase = on_phase
    await _load_closures(keeping, store.rooms, clock)
    for session in sessions:
        if session.room_sid:  # by its name alone, the next room of that name would be taken for it
            with suppress(AgentIdError):
                keeping.known_agents[session.room_sid] = parse_agent_id(session.agent_id)
    return keeping


async def _load_closures(keeping: Keeping, rooms: RoomHistory, clock: Clock) -> None:
    """Take over which rooms operators have closed, here or at another registry."""
    for row in await asyncio.to_thread(rooms.closures):
        at = clock.moment_of(row.at)
        keeping.closures[row.room_sid] = Closure(by=row.by, reason=row.reason, at=at)


def _on_leading(keeping: Keeping, rooms: RoomHistory, clock: Clock, tasks: _Tasks) -> Callable[[], None]:
    """What follows when this registry begins, or ceases, to lead."""

    async def begin() -> None:
        try:
            await _load_closures(keeping, rooms, clock)
        except StoreError as error:
            logger.warning(
                "rooms that were closed elsewhere are not known",
                extra={"action": "rooms.closures", "error": str(error)},
            )
        keeping.wake_all()

    return lambda: tasks.add(begin(), "rooms-begin")


async def _forget_old(rooms: RoomHistory, clock: Clock, kept: timedelta) -> None:
    """Delete what is older than it is kept, once an hour: also closures, whose rooms have long ended."""
    while True:
        before = clock.utc() - kept
        try:
            await asyncio.to_thread(rooms.prune, before)
            for closure in await asyncio.to_thread(rooms.closures):
                if closure.at < before:
                    await asyncio.to_thread(rooms.remove_closure, closure.room_sid)
        except StoreError as error:
            logger.warning(
                "old history of rooms stays", extra={"action": "rooms.forget", "error": str(error)}
            )
        await asyncio.sleep(_FORGET_INTERVAL)


async def _end_old(
    sessions: Sequence[SessionRow],
    fleet: Fleet,
    store: KeepingStore,
    lost: Lost,
) -> None:
    """End sessions that had not ended when the registry was stopped, and whose processes nobody has heard of since."""
    open_ids = {session.id for session in sessions}
    pause = fleet.limits.restart_grace + 1.0
    while open_ids:
        await asyncio.sleep(pause)
        pause = _LOOK_AGAIN
        try:
            written = await asyncio.to_thread(store.incarnations)  # by other registries on the database, too
        except StoreError as error:
            logger.warning(
                "old sessions stay open for now", extra={"action": "sessions.old", "error": str(error)}
            )
            continue
        alive = _alive(written, fleet)
        await lost(sorted(open_ids - alive))
        # One that is written down as alive and was not heard here: another registry hears it, or it is over soon.
        open_ids &= alive & {agent.beat.incarnation for agent in fleet if agent.facts.is_restored}


def _alive(written: Mapping[str, str], fleet: Fleet) -> set[str]:
    """Incarnations that are not over, as far as is known.

    Args:
        written: Those in the database, by row id: other registries' as well. Of rows that are heard here it may tell
            what is not so any more.
    """
    heard = {agent.agent_id: agent.beat.incarnation for agent in fleet if not agent.facts.is_restored}
    return {*{**written, **heard}.values()}


class _Tasks:
    """Tasks that end with whoever holds them. One that breaks says so."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.critical(
                "a part of room keeping broke",
                exc_info=error,
                extra={"action": "rooms.part_broke", "part": task.get_name()},
            )

    async def aclose(self) -> None:
        """May be called twice."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
