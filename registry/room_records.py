"""Writes down what happens to rooms, behind, and remembers the latest of it."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

from registry.clock import Clock
from registry.room_answers import event_view
from registry.session_records import ClosureRow, RoomEvent
from registry.store import StoreError
from rooms.history import Event
from rooms.picture import Closure
from rooms.views import RoomEventView

logger = logging.getLogger(__name__)

_RECENT = 30
"""Events of a room that are remembered."""

_ROOMS = 5_000
"""Rooms of which events are remembered: those with the latest."""

_UNWRITTEN = 10_000
"""Events that wait for a database that does not take them; then the oldest are lost."""

_INTERVAL = 0.2
"""Seconds between two writes."""

_RETRY = 2.0


class RoomStore(Protocol):
    """What is needed of the store. Blocks; raises `StoreError`."""

    def add_events(self, events: Sequence[RoomEvent]) -> None: ...
    def add_closure(self, row: ClosureRow) -> None: ...


class RoomRecords:
    """`rooms.keeper.Records` on the registry's store.

    Args:
        store: Where they go.
        clock: The registry's.
    """

    def __init__(self, store: RoomStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._recent: OrderedDict[str, deque[RoomEventView]] = OrderedDict()
        self._events: deque[RoomEvent] = deque(maxlen=_UNWRITTEN)
        self._closures: deque[ClosureRow] = deque(maxlen=_UNWRITTEN)
        self._changed = asyncio.Event()

    def add(self, event: Event) -> None:
        """Write an event down, soon."""
        row = RoomEvent(
            at=self._clock.date_of(event.at),
            room=event.room,
            sid=event.sid,
            kind=event.kind,
            text=event.text,
            by=event.by,
            evidence=dict(event.evidence),
        )
        recent = self._recent.setdefault(event.room, deque(maxlen=_RECENT))
        recent.appendleft(event_view(row))
        self._recent.move_to_end(event.room)
        while len(self._recent) > _ROOMS:
            self._recent.popitem(last=False)
        self._events.append(row)
        self._changed.set()

    def recent(self, room: str) -> Sequence[RoomEventView]:
        """The latest events of a room, newest first, from memory."""
        return tuple(self._recent.get(room, ()))

    async def close(self, sid: str, room: str, closure: Closure) -> None:
        """Remember that an operator closed a room: durable afterwards, or as soon as the database is back."""
        at = self._clock.date_of(closure.at)
        row = ClosureRow(room_sid=sid, room=room, by=closure.by, reason=closure.reason, at=at)
        try:
            await asyncio.to_thread(self._store.add_closure, row)
        except StoreError as error:
            logger.warning(
                "a closed room could not be written down now; it is tried again",
                extra={"action": "rooms.unwritten", "error": str(error)},
            )
        except Exception:
            logger.exception("a closed room could not be written down", extra={"action": "rooms.unwritable"})
        else:
            return
        self._closures.append(row)
        self._changed.set()

    async def run(self) -> None:
        """Write what comes, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.flush()
            except Exception:
                logger.exception(
                    "the history of rooms could not be written", extra={"action": "rooms.unwritable"}
                )
                await asyncio.sleep(_RETRY)
                self._changed.set()
            await asyncio.sleep(_INTERVAL)

    async def flush(self) -> None:
        """Write what waits. What the database does not take waits on. May be called twice."""
        events, closures = list(self._events), list(self._closures)
        if not events and not closures:
            return
        try:
            await asyncio.to_thread(self._write, events, closures)
        except StoreError as error:
            logger.warning(
                "the history of rooms cannot be written now; it is tried again",
                extra={"action": "rooms.unwritten", "events": len(events), "error": str(error)},
            )
            await asyncio.sleep(_RETRY)
            self._changed.set()
            return
        for row in events:
            if self._events and self._events[0] is row:
                self._events.popleft()
        for closure in closures:
            if self._closures and self._closures[0] is closure:
                self._closures.popleft()

    def _write(self, events: Sequence[RoomEvent], closures: Sequence[ClosureRow]) -> None:
        for closure in closures:
            self._store.add_closure(closure)
        self._store.add_events(events)
