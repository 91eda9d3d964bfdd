"""The page's answers: HTML with the headers that keep foreign scripts out and other sites' frames away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import jinja2
from starlette.responses import HTMLResponse, RedirectResponse

from registry.page import acts, addresses, listing, process_acts, tones, words

HEADERS = {
    # Styles and scripts are files of ours; a name that is a script has nothing to run it.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms, and the guard refuses them.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "span": words.span,
        "ago": words.ago,
        "lasting": words.lasting,
        "left": words.left,
        "full": words.full,
        "machine": words.machine,
        "size": words.size,
        "visible": words.visible,
        "count": words.count,
        "isolated": words.isolated,
        "due": words.due,
        "exact": words.exact,
        "percent": words.percent,
        "evidence": words.evidence,
    }
    environment.globals |= {
        "act_path": addresses.act_path,
        "agent_path": addresses.agent_path,
        "agent_query": addresses.agent_query,
        "models_path": addresses.models_path,
        "process_act_path": addresses.process_act_path,
        "new_profile_path": addresses.new_profile_path,
        "process_path": addresses.process_path,
        "profile_path": addresses.profile_path,
        "profile_query": addresses.profile_query,
        "profiles_export_path": addresses.profiles_export_path,
        "profiles_path": addresses.profiles_path,
        "room_act_path": addresses.room_act_path,
        "room_path": addresses.room_path,
        "room_query": addresses.room_query,
        "rooms_path": addresses.rooms_path,
        "session_path": addresses.session_path,
        "sessions_path": addresses.sessions_path,
        "talk_path": addresses.talk_path,
        "talk_row_path": addresses.talk_row_path,
        "tone_of_end": tones.of_end,
        "tone_of_health": tones.of_health,
        "tone_of_model": tones.of_model,
        "tone_of_phase": tones.of_phase,
        "tone_of_state": tones.of_state,
        "name_of": words.name_of,
        "of_host": listing.of_host,
        "of_room": listing.of_room,
        "query_text": listing.query_text,
        "unfiltered": listing.unfiltered,
        "with_page": listing.with_page,
        "with_sort": listing.with_sort,
        "with_statuses": listing.with_statuses,
        "PROCESS_WORDS": process_acts.PROCESS_WORDS,
        "WORDS": acts.WORDS,
    }
    return environment


_templates = _environment()


def html(template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """A page, or a part of one."""
    text = _templates.get_template(template).render(values)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


async def large_html(template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """A page with many rows. Those take 15 milliseconds, for which no beat should wait, so a thread makes it."""
    return await asyncio.to_thread(html, template, values, status=status)


def see(address: str) -> RedirectResponse:
    """Go on, by GET, at an address of ours."""
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})
