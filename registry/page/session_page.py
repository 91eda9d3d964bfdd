"""One session: what was said in it, what happened, how long people waited, what it cost. Words are shown here only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.latencies import MEASURED
from registry.page import session_words
from registry.page.answers import see
from registry.page.session_answers import answer
from registry.running import Registry
from registry.session_records import EventRow, SessionRow, TurnRow
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
        sessions = registry.store.sessions
        try:
            session, turns, events = await asyncio.gather(
                asyncio.to_thread(sessions.get, session_id),
                asyncio.to_thread(sessions.turns, session_id, limit=MOST_TURNS),
                asyncio.to_thread(sessions.events, session_id),
            )
        except StoreError as error:
            return await answer(registry, request, "session", {**values, "trouble": str(error)})
        if session is None:
            return await answer(registry, request, "session", values, status=404)
        values |= {"session": session, "turns": turns, "is_cut": len(turns) >= MOST_TURNS}
        # Some milliseconds for a long session, for which no beat should wait.
        record = await asyncio.to_thread(_record, registry, session, turns, events)
        return await answer(registry, request, "session", values | record)

    return router


def _record(
    registry: Registry, session: SessionRow, turns: Sequence[TurnRow], events: Sequence[EventRow]
) -> dict[str, object]:
    """What the page shows besides the words."""
    own = [turn for turn in turns if turn.session_id == session.id]
    waits = latencies_of(session, own)
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
