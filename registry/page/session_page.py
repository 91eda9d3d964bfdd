"""One session: what was said in it, what happened, how long people waited, what it cost. Words are shown here only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.errors import UnknownSessionError
from registry.latencies import MEASURED
from registry.page import session_words
from registry.page.answers import see
from registry.page.session_answers import answer
from registry.running import Registry
from registry.session_records import Record, TurnRow
from registry.session_views import latencies_of
from registry.store import StoreError
from registry.timeline import since, span_of, timeline

MOST_TURNS = 500
"""Turns on a session's page, the last ones."""

_FORMATS = (("vtt", "WebVTT"), ("text", "Text"), ("json", "JSON"))


def session_router(registry: Registry) -> APIRouter:
    """`/sessions/<id>`; with ``fragment=live`` the part that changes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sessions/{session_id:path}")
    async def session_page(request: Request, session_id: str) -> Response:
        session_id = session_id or request.query_params.get("id", "")
        if not session_id:
            return see("/sessions")
        values: dict[str, object] = {"session_id": session_id, "session": None, "turns": (), "trouble": ""}
        try:
            record = await registry.sessions.record(session_id)
            turns = await _shown(registry, record)
        except StoreError as error:
            return await answer(registry, request, "session", {**values, "trouble": str(error)})
        except UnknownSessionError:
            return await answer(registry, request, "session", values, status=404)
        values |= {"session": record.row, "turns": turns, "is_cut": len(turns) >= MOST_TURNS}
        # Some milliseconds for a long session, for which no beat should wait.
        more = await asyncio.to_thread(_more, registry, record, turns)
        return await answer(registry, request, "session", values | more)

    return router


async def _shown(registry: Registry, record: Record) -> Sequence[TurnRow]:
    """The last turns, also of sessions that this one went on with."""
    if record.row.resumes is None or len(record.turns) >= MOST_TURNS:
        return record.turns[-MOST_TURNS:]
    return await asyncio.to_thread(registry.store.sessions.turns, record.row.id, limit=MOST_TURNS)


def _more(registry: Registry, record: Record, turns: Sequence[TurnRow]) -> dict[str, object]:
    """What the page shows besides the words. Times are of the whole session, as in the API and on the command line."""
    session, events = record.row, record.events
    own = [turn for turn in turns if turn.session_id == session.id]
    waits = latencies_of(session, record.turns)
    export = f"/api/sessions/{quote(session.id, safe='')}/transcript?format="
    return {
        "timeline": timeline(session, own, events, now=registry.fleet.clock.utc()),
        "events": [
            (session_words.clock(since(session, one.at)), session_words.event_words(one.kind, one.text), one)
            for one in events
        ],
        "latencies": [
            (title, spread)
            for name, title in MEASURED.items()
            if (spread := getattr(waits, name)) is not None
        ],
        "costs": registry.prices.estimate(session.usage),
        "exports": [(f"{export}{name}", word) for name, word in _FORMATS],
        "retention": session_words.retention(
            is_transcribed=session.is_transcribed,
            journal_days=registry.sessions.journal_days,
            history_days=registry.sessions.history_days,
        ),
        "begins": {
            turn.number: session_words.clock(span_of(turn, session)[0])
            for turn in own
            if turn.started is not None
        },
        "why_closed": session_words.why_closed,
        "event_words": session_words.event_words,
        "event_tone": session_words.event_tone,
        "dollars": session_words.dollars,
        "clock": session_words.clock,
    }
