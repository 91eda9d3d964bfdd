"""Sessions, what was said in them and what happened."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa

from registry.session_records import LOST, Ending, EventRow, SessionRow, Timed, TurnRow
from registry.store.session_merge import merged
from registry.store.session_rows import (
    happening_from,
    happening_values,
    session_from,
    session_values,
    timed_from,
    turn_from,
    turn_values,
)
from registry.store.tables import EVENTS, SESSIONS, TURNS, read
from registry.store.texts import storable
from registry.store.transactions import Transactions, parsed, storing

_Rows: TypeAlias = list[SessionRow]
_Turns: TypeAlias = list[TurnRow]
_Events: TypeAlias = list[EventRow]
_Times: TypeAlias = list[Timed]
_Heard: TypeAlias = list[tuple[datetime, float]]
_Endings: TypeAlias = list[Ending]
_Ids: TypeAlias = list[str]  # `list` is a method of the class

_MOST_RESUMED = 100
"""Sessions that are looked through for what was said before. More than that said nothing, one after the other."""

_PORTION = 1_000
"""Ids in one statement. SQLite takes 32,766 parameters."""

_MOST_AGENTS = 10_000
"""Agents whose sessions are looked for at once, of a group."""

_READ = read(SESSIONS)
_ID: sa.BindParameter[str] = sa.bindparam("session", type_=sa.Text)
_GET = _READ.where(SESSIONS.c.id == _ID)
_LOCK = _GET.with_for_update()
_RESUMES = sa.select(SESSIONS.c.resumes).where(SESSIONS.c.id == _ID)
_OPEN = _READ.where(SESSIONS.c.endedAt.is_(None))
_ENDED_SINCE = sa.select(
    SESSIONS.c.room, SESSIONS.c.startedAt, SESSIONS.c.endedAt, SESSIONS.c.closeReason, SESSIONS.c.exitCode
).where(SESSIONS.c.endedAt >= sa.bindparam("at"))
_STARTED_SINCE = (
    sa.select(sa.func.count()).select_from(SESSIONS).where(SESSIONS.c.startedAt >= sa.bindparam("at"))
)
_LAST_TURNS = (
    read(TURNS)
    .where(TURNS.c.sessionId == _ID)
    .order_by(TURNS.c.number.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_CLOSE = (
    sa.update(SESSIONS)
    .where(SESSIONS.c.id.in_(sa.bindparam("ids", expanding=True)), SESSIONS.c.endedAt.is_(None))
    .values(endedAt=sa.bindparam("at"), closeReason=sa.bindparam("reason"))
    .returning(SESSIONS.c.id)
)


_EVENTS = read(EVENTS).where(EVENTS.c.sessionId == _ID).order_by(EVENTS.c.number)
_OF_AGENT = (
    SESSIONS.c.agentId == sa.bindparam("agent", type_=sa.Text),
    SESSIONS.c.startedAt >= sa.bindparam("at"),
)
_MOST = sa.bindparam("most", type_=sa.Integer)
_newest_first = (
    sa.select(
        SESSIONS.c.id,
        (sa.func.sum(SESSIONS.c.nTurns).over(order_by=(SESSIONS.c.startedAt.desc(), SESSIONS.c.id)))
        .op("-")(SESSIONS.c.nTurns)
        .label("newer"),  # turns of sessions that began later
    )
    .where(*_OF_AGENT)
    .subquery("newest_first")
)
_TIMES = (
    sa.select(TURNS.c.at, sa.cast(TURNS.c.delays, sa.Text))
    # Of those sessions only that may be needed: a busy agent has a hundred times as many turns as are asked for.
    .where(
        TURNS.c.sessionId.in_(sa.select(_newest_first.c.id).where(_newest_first.c.newer < 3 * _MOST)),
        TURNS.c.delays.is_not(None),
    )
    .order_by(TURNS.c.at.desc())
    .limit(_MOST)
)
_FIRST_AUDIO = (
    sa.select(SESSIONS.c.startedAt, SESSIONS.c.firstAudio)
    .where(*_OF_AGENT, SESSIONS.c.firstAudio.is_not(None))
    .order_by(SESSIONS.c.startedAt.desc())
    .limit(_MOST)
)


def _first_missing(table: sa.Table) -> sa.Select[int]:
    """The smallest number from `first` on whose row is not there, of a session's turns or events."""
    first = sa.bindparam("first", type_=sa.BigInteger)
    place = first + sa.func.row_number().over(order_by=table.c.number) - 1
    numbered = (
        sa.select(table.c.number, place.label("place"))
        .where(table.c.sessionId == _ID, table.c.number >= first)
        .subquery("numbered")
    )
    # After the first one that is missing, all are further up than their place.
    return sa.select(first + sa.func.count()).where(numbered.c.number == numbered.c.place)


_FIRST_MISSING_TURN = _first_missing(TURNS)
_FIRST_MISSING_EVENT = _first_missing(EVENTS)


class Sessions:
    """Part of a `Store`: sessions with their turns and events. Raises as that one does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def report(self, row: SessionRow, turns: Sequence[TurnRow]) -> int:
        """Keep what a session says of itself, and those of its turns that are not there. Durable afterwards.

        May be called again with the same. The smallest `started_at` stays, and so does an end, unless the
        session was given up as lost.

        Returns:
            The number below which all turns have come.
        """
        return storing(self._report, [row], turns)

    def happened(self, session_id: str, events: Sequence[EventRow]) -> int:
        """Keep those of a session's events that are not there. Durable afterwards; may be called again with the same.

        Returns:
            The number below which all events have come.
        """
        return storing(lambda rows: self._happened(storable(session_id), rows), events)

    def close_lost(self, ids: Sequence[str], *, at: datetime) -> _Ids:
        """End those that are open, as lost. Returns which of `ids` those were."""
        return self.close(ids, at=at, reason=LOST)

    def close(self, ids: Sequence[str], *, at: datetime, reason: str) -> _Ids:
        """End those that are open, with that close reason. Returns which of `ids` those were."""
        closed: set[str] = set()
        wanted = [storable(session_id) for session_id in ids]
        with self._transactions.write() as connection:
            for start in range(0, len(wanted), _PORTION):
                some = {"ids": wanted[start : start + _PORTION], "at": at, "reason": storable(reason)}
                closed.update(connection.execute(_CLOSE, some).scalars())
        return [session_id for session_id, known in zip(ids, wanted, strict=True) if known in closed]

    def get(self, session_id: str) -> SessionRow | None:
        with self._transactions.read() as connection:
            found = parsed(connection.execute(_GET, {"session": storable(session_id)}), session_from)
        return found[0] if found else None

    def open(self) -> _Rows:
        """Those that have not ended, as far as is known, in no order."""
        with self._transactions.read() as connection:
            return parsed(connection.execute(_OPEN), session_from)

    def list(
        self,
        *,
        room: str | None = None,
        agent_id: str | None = None,
        agent_ids: Collection[str] | None = None,
        is_open: bool | None = None,
        limit: int,
        before: datetime | None = None,
    ) -> _Rows:
        """Those that started last, the newest first.

        Args:
            room: Only those in rooms of this name; None = in all.
            agent_id: Only those of this agent; None = of all.
            agent_ids: Only those of these agents; None = of all.
            is_open: Only those that go on, or only those that ended; None = both.
            limit: How many at most.
            before: Only those that started earlier: than the last one of the page before.
        """
        wanted = _READ.order_by(SESSIONS.c.startedAt.desc(), SESSIONS.c.id).limit(limit)
        if room is not None:
            wanted = wanted.where(SESSIONS.c.room == storable(room))
        if agent_id is not None:
            wanted = wanted.where(SESSIONS.c.agentId == storable(agent_id))
        if agent_ids is not None:
            some = [storable(one) for one in sorted(agent_ids)[:_MOST_AGENTS]]
            wanted = wanted.where(SESSIONS.c.agentId.in_(some))
        if is_open is not None:
            ended_at = SESSIONS.c.endedAt
            wanted = wanted.where(ended_at.is_(None) if is_open else ended_at.is_not(None))
        if before is not None:
            wanted = wanted.where(SESSIONS.c.startedAt < before)
        with self._transactions.read() as connection:
            return parsed(connection.execute(wanted), session_from)

    def turns(self, session_id: str, *, limit: int, with_earlier: bool = True) -> _Turns:
        """The last turns of a session, the oldest first.

        Args:
            with_earlier: Also of the sessions that it went on with.
        """
        newest_first: _Turns = []
        seen: set[str] = set()
        current: str | None = storable(session_id)
        with self._transactions.read() as connection:
            while current is not None and current not in seen and len(seen) < _MOST_RESUMED:
                seen.add(current)
                values = {"session": current, "most": limit - len(newest_first)}
                newest_first += parsed(connection.execute(_LAST_TURNS, values), turn_from)
                if len(newest_first) >= limit or not with_earlier:
                    break
                current = connection.execute(_RESUMES, {"session": current}).scalar()
        return newest_first[::-1]

    def events(self, session_id: str) -> _Events:
        """What happened in a session, the oldest first."""
        with self._transactions.read() as connection:
            return parsed(connection.execute(_EVENTS, {"session": storable(session_id)}), happening_from)

    def times(self, agent_id: str, *, since: datetime, limit: int) -> tuple[_Times, _Heard]:
        """What was measured in an agent's sessions that began at `since` or later: the last ones, newest first.

        Args:
            limit: How many at most, of turns and of sessions. Looked for in the last sessions, as far back as there are
                three times as many turns: most turns are measured, and reading all would take seconds.

        Returns:
            The delays of turns, and of sessions when they began with the seconds until the agent was first heard.
        """
        values = {"agent": storable(agent_id), "at": since, "most": limit}
        with self._transactions.read() as connection:
            turns = parsed(connection.execute(_TIMES, values), timed_from)
            return turns, [(at, seconds) for at, seconds in connection.execute(_FIRST_AUDIO, values)]

    def ended_since(self, at: datetime) -> _Endings:
        """Of all sessions that ended then or later, in no order."""
        with self._transactions.read() as connection:
            return [Ending(*row) for row in connection.execute(_ENDED_SINCE, {"at": at})]

    def started_since(self, at: datetime) -> int:
        """How many sessions started then or later."""
        with self._transactions.read() as connection:
            return connection.execute(_STARTED_SINCE, {"at": at}).scalar_one()

    def prune(self, before: datetime, *, turns_before: datetime) -> int:
        """Delete sessions not heard since `before` with all of theirs, and the texts of those not heard since
        `turns_before`. Who spoke, when, and how long it took stays as long as the session does.

        In small transactions, as `Store.prune`.

        Returns:
            How many rows.
        """
        old = sa.select(SESSIONS.c.id).where(SESSIONS.c.heardAt < before)
        silent = sa.select(SESSIONS.c.id).where(SESSIONS.c.heardAt < turns_before)
        transactions = self._transactions
        n_rows = 0
        for table in (TURNS, EVENTS):
            key = [table.c.sessionId, table.c.number]
            n_rows += transactions.delete_in_portions(key, table.c.sessionId.in_(old))
        n_rows += transactions.update_in_portions(
            [TURNS.c.sessionId, TURNS.c.number],
            {"text": "", "isKept": False},
            TURNS.c.sessionId.in_(silent),
            TURNS.c.isKept.is_(True),
        )
        return n_rows + transactions.delete_in_portions([SESSIONS.c.id], SESSIONS.c.heardAt < before)

    def _happened(self, session_id: str, rows: Sequence[EventRow]) -> int:
        with self._transactions.write() as connection:
            values = [happening_values(row) for row in rows]
            self._transactions.database.add_missing(connection, EVENTS, values)
            return connection.execute(_FIRST_MISSING_EVENT, {"session": session_id, "first": 0}).scalar_one()

    def _report(self, rows: Sequence[SessionRow], turns: Sequence[TurnRow]) -> int:
        (row,) = rows
        session_id = storable(row.id)
        database = self._transactions.database
        with self._transactions.write() as connection:
            kept = self._locked(connection, session_id, row)
            n_turns = kept.n_turns
            # Those that have come are there; their texts may have been pruned, and shall not come back.
            if new := [turn_values(turn) for turn in turns if turn.number >= n_turns]:
                database.add_missing(connection, TURNS, new)
                values = {"session": session_id, "first": n_turns}
                n_turns = connection.execute(_FIRST_MISSING_TURN, values).scalar_one()
            now = dataclasses.replace(merged(kept, row), n_turns=n_turns)
            database.upsert(connection, SESSIONS, [session_values(now)])
        return n_turns

    def _locked(self, connection: sa.Connection, session_id: str, row: SessionRow) -> SessionRow:
        """What is kept of a session, which nobody else changes until the transaction ends. Added if it is new."""
        first = dataclasses.replace(row, n_turns=0)
        found = connection.execute(_LOCK, {"session": session_id}).all()
        if not found:
            if self._transactions.database.add_missing(connection, SESSIONS, [session_values(first)]):
                return first
            found = connection.execute(_LOCK, {"session": session_id}).all()  # somebody else was quicker
        kept = parsed(found, session_from)
        return kept[0] if kept else first
