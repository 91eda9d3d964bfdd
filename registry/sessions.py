"""Calls, as their agents report them: kept in the database, ended when their process is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from registry.clock import Clock
from registry.errors import UnknownSessionError
from registry.metrics import SESSIONS_ENDED
from registry.room_stats import STATS_PERIOD, UNKNOWN, exit_code, room_stats
from registry.session_records import LOST, Ending, EventRow, Record, SessionRow, Timed, TurnRow
from registry.session_views import turn_view
from registry.store import StoreError
from rooms.tally import Counts
from rooms.views import RoomStats
from wire import Conversation, SessionReport

logger = logging.getLogger(__name__)

RETRY_INTERVAL = 5.0
"""Seconds until the database is asked again for what it did not do."""

PRUNE_INTERVAL = 3_600.0

MOST_EXPORTED = 20_000
"""Turns of one session that are exported: some days of talk."""

_LOCKS = 64
"""Sessions that may report at once. Two of them share a lock now and then, and wait for each other."""


class SessionStore(Protocol):
    """What the database does for sessions. Blocks; raises `StoreError`."""

    def report(self, row: SessionRow, turns: Sequence[TurnRow]) -> int: ...
    def close_lost(self, ids: Sequence[str], *, at: datetime) -> Sequence[str]: ...
    def close(self, ids: Sequence[str], *, at: datetime, reason: str) -> Sequence[str]: ...
    def get(self, session_id: str) -> SessionRow | None: ...
    def open(self) -> Sequence[SessionRow]: ...
    def happened(self, session_id: str, events: Sequence[EventRow]) -> int: ...
    def turns(self, session_id: str, *, limit: int, with_earlier: bool = True) -> Sequence[TurnRow]: ...
    def events(self, session_id: str) -> Sequence[EventRow]: ...
    def times(
        self, agent_id: str, *, since: datetime, limit: int
    ) -> tuple[Sequence[Timed], Sequence[tuple[datetime, float]]]: ...
    def ended_since(self, at: datetime) -> Sequence[Ending]: ...
    def started_since(self, at: datetime) -> int: ...
    def prune(self, before: datetime, *, turns_before: datetime) -> int: ...
    def list(
        self,
        *,
        room: str | None = None,
        agent_id: str | None = None,
        is_open: bool | None = None,
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[SessionRow]: ...


class Kept(NamedTuple):
    """What is durable of a session."""

    n_turns: int
    """Turns with a smaller number have come."""

    n_events: int | None
    """Likewise of events; None = the report had none."""


class Sessions:
    """All sessions, past and present. Its coroutines raise `StoreError` unless said otherwise.

    Args:
        history_days: How long they are kept.
        journal_days: How long what was said is kept; 0 = it is not written at all. Who spoke, and when, is kept as long
            as the session.
    """

    def __init__(self, store: SessionStore, *, clock: Clock, history_days: int, journal_days: int) -> None:
        self._store = store
        self._clock = clock
        self.history_days = history_days
        self.journal_days = journal_days
        self.on_change: Callable[[str], None] = lambda _: None
        """Called on the loop with the id of a session of which there is something new."""
        self._locks = tuple(asyncio.Lock() for _ in range(_LOCKS))
        self._over: dict[str, str] = {}  # those of which the database does not know it yet → close reason

    async def report(self, session_id: str, report: SessionReport) -> Kept:
        """Keep what a session tells. Durable afterwards; may be told again."""
        async with self._no_reports_of([session_id]):
            now = self._clock.utc()
            self._over.pop(session_id, None)
            keeps_text = self.journal_days > 0
            row = _row(session_id, report, now, keeps_text=keeps_text)
            turns = _turns(session_id, report, now, keeps_text=keeps_text)
            kept, ending = await asyncio.to_thread(self._keep, row, turns, _events(session_id, report, now))
        if ending is not None:
            SESSIONS_ENDED.labels(exit_code(ending)).inc()
        self.on_change(session_id)
        return kept

    async def lost(self, session_ids: Iterable[str], *, reason: str = LOST) -> Sequence[str]:
        """The processes of these are gone. Ends those that had not ended; those that were lost open again when they
        report.

        May be called twice, and with incarnations of whatever else beats. Never raises `StoreError`: what the
        database does not take now, `run` repeats.

        Args:
            reason: Why they left, by their own word.

        Returns:
            Those that were ended now.
        """
        ids = set(session_ids)
        async with self._no_reports_of(ids):
            return await self._close(ids, reason)

    async def get(self, session_id: str) -> SessionRow:
        """One session. Raises `UnknownSessionError`."""
        row = await asyncio.to_thread(self._store.get, session_id)
        if row is None:
            raise UnknownSessionError(f"no session {session_id[:64]!r} has reported here")
        return row

    async def find(
        self,
        *,
        room: str | None = None,
        agent_id: str | None = None,
        is_open: bool | None = None,
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[SessionRow]:
        """Sessions, the newest first.

        Args:
            before: Only those that began before then: the last one's start so far.
        """
        return await asyncio.to_thread(
            self._store.list, room=room, agent_id=agent_id, is_open=is_open, limit=limit, before=before
        )

    async def conversation(self, session_id: str, *, limit: int) -> Conversation:
        """The last turns of a session and of those that it went on with. Raises `UnknownSessionError`."""
        await self.get(session_id)
        rows = await asyncio.to_thread(self._store.turns, session_id, limit=limit)
        now = self._clock.utc()
        return Conversation(turns=tuple(turn_view(row, now=now) for row in rows))

    async def record(self, session_id: str) -> Record:
        """A session with all of its own turns and events. Raises `UnknownSessionError`."""
        row = await self.get(session_id)
        store = self._store
        turns, events = await asyncio.gather(
            asyncio.to_thread(store.turns, session_id, limit=MOST_EXPORTED, with_earlier=False),
            asyncio.to_thread(store.events, session_id),
        )
        return Record(row, turns, events)

    async def times(
        self, agent_id: str, *, since: datetime, limit: int
    ) -> tuple[Sequence[Timed], Sequence[tuple[datetime, float]]]:
        """What was measured in an agent's sessions that began at `since` or later: the last ones, newest first.

        Returns:
            The delays of turns, and of sessions when they began with the seconds until the agent was first heard.
        """
        return await asyncio.to_thread(self._store.times, agent_id, since=since, limit=limit)

    async def stats(self, counts: Counts) -> RoomStats:
        """How well rooms are kept."""
        now = self._clock.utc()
        ended, going, n_started = await asyncio.to_thread(self._read_stats, now - STATS_PERIOD)
        since = self._clock.date_of(counts.since)
        return room_stats(counts, since=since, ended=ended, going=going, n_started=n_started, now=now)

    async def prune(self) -> int:
        """Delete what is older than it is kept.

        Returns:
            How many rows.
        """
        now = self._clock.utc()
        before, turns_before = (now - timedelta(days=days) for days in (self.history_days, self.journal_days))
        return await asyncio.to_thread(self._store.prune, before, turns_before=turns_before)

    async def run(self) -> None:
        """Delete what is old once an hour, and repeat what the database did not take. Never returns."""
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        while True:
            try:
                await self._repeat()
                if loop.time() >= prune_at:
                    prune_at = loop.time() + PRUNE_INTERVAL
                    await self.prune()
            except StoreError as error:
                logger.warning(
                    "old sessions are not deleted",
                    extra={"action": "sessions.prune", "error": str(error)},
                )
            except Exception:
                logger.exception("a round of sessions failed", extra={"action": "sessions.failed"})
            await asyncio.sleep(RETRY_INTERVAL)

    async def _repeat(self) -> None:
        for reason in set(self._over.values()):
            ids = self._over_by(reason)
            async with self._no_reports_of(ids):
                ids &= self._over_by(reason)  # one that has reported meanwhile lives
                await self._close(ids, reason)

    def _over_by(self, reason: str) -> set[str]:
        return {session_id for session_id, why in self._over.items() if why == reason}

    async def _close(self, ids: set[str], reason: str) -> Sequence[str]:
        if not ids:
            return []
        try:
            closed = await asyncio.to_thread(self._write_end, sorted(ids), self._clock.utc(), reason)
        except StoreError as error:
            self._over |= dict.fromkeys(ids, reason)
            logger.warning(
                "the ends of sessions are not written yet",
                extra={"action": "sessions.lost", "n_sessions": len(ids), "error": str(error)},
            )
            return []
        for session_id in ids:
            self._over.pop(session_id, None)
        SESSIONS_ENDED.labels(LOST if reason == LOST else UNKNOWN).inc(len(closed))
        for session_id in closed:
            self.on_change(session_id)
        return closed

    def _write_end(self, ids: Sequence[str], at: datetime, reason: str) -> Sequence[str]:
        if reason == LOST:
            return self._store.close_lost(ids, at=at)
        return self._store.close(ids, at=at, reason=reason)

    @asynccontextmanager
    async def _no_reports_of(self, ids: Iterable[str]) -> AsyncIterator[None]:
        """None of these sessions has a report on its way to the database meanwhile: it would come after its end."""
        async with AsyncExitStack() as stack:
            for index in sorted({hash(one) % _LOCKS for one in ids}):
                await stack.enter_async_context(self._locks[index])
            yield

    def _keep(
        self, row: SessionRow, turns: Sequence[TurnRow], events: Sequence[EventRow]
    ) -> tuple[Kept, Ending | None]:
        """Returns what is kept, and how the session has ended if it had not before."""
        ending = None
        if row.ended_at is not None:
            before = self._store.get(row.id)
            if before is None or before.is_open or before.close_reason == LOST:
                ending = Ending(row.room, row.started_at, row.ended_at, row.close_reason, row.exit_code)
        n_turns = self._store.report(row, turns)
        return Kept(n_turns, self._store.happened(row.id, events) if events else None), ending

    def _read_stats(self, since: datetime) -> tuple[Sequence[Ending], list[tuple[str, datetime]], int]:
        going = [(row.room, row.started_at) for row in self._store.open()]
        return self._store.ended_since(since), going, self._store.started_since(since)


def _row(session_id: str, report: SessionReport, now: datetime, *, keeps_text: bool) -> SessionRow:
    ended = report.ended
    return SessionRow(
        id=session_id,
        row_id=report.row_id,
        agent_id=report.agent_id,
        room=report.room,
        room_sid=report.room_sid,
        job_id=report.job_id,
        host=report.host,
        resumes=report.resumes,
        started_at=now - timedelta(seconds=report.age),
        heard_at=now,
        ended_at=None if ended is None else now,
        most_humans=report.most_humans,
        usage=report.usage,
        close_reason=None if ended is None else ended.reason,
        exit_code=None if ended is None else ended.exit_code,
        is_transcribed=report.is_transcribed and keeps_text,
        first_audio=report.first_audio,
        more_events=report.more_events,
    )


def _turns(session_id: str, report: SessionReport, now: datetime, *, keeps_text: bool) -> list[TurnRow]:
    return [
        TurnRow(
            session_id=session_id,
            number=turn.number,
            role=turn.role,
            text=turn.text if keeps_text else "",
            is_kept=turn.is_kept and keeps_text,
            interrupted=turn.interrupted,
            at=now - timedelta(seconds=turn.age),
            started=turn.started,
            duration=turn.duration,
            delays=turn.delays,
        )
        for turn in report.turns
    ]


def _events(session_id: str, report: SessionReport, now: datetime) -> list[EventRow]:
    return [
        EventRow(
            session_id=session_id,
            number=event.number,
            kind=event.kind,
            text=event.text,
            at=now - timedelta(seconds=event.age),
        )
        for event in report.events
    ]
