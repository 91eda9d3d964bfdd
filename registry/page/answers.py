"""The page's answers: HTML with the headers that keep foreign scripts out and other sites' frames away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import jinja2
from starlette.responses import HTMLResponse, RedirectResponse

from registry.page import acts, listing, words

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


def agent_path(agent_id: str) -> str:
    """The address of an agent's page."""
    if agent_id in (".", ".."):
        # Browsers take these for folders, quoted or not.
        return f"/agents/?id={agent_id}"
    return f"/agents/{quote(agent_id, safe='')}"


def agent_query(agent_id: str, query: str) -> str:
    """The address of an agent's page with a query."""
    path = agent_path(agent_id)
    return f"{path}{'&' if '?' in path else '?'}{query}"


def act_path(agent_id: str, back: str) -> str:
    """The address of the form for an act, but for the act's name, which follows. `back`: see `act_page`."""
    return "/act?" + urlencode({"id": agent_id, "back": back}) + "&act="


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
    }
    environment.globals |= {
        "act_path": act_path,
        "agent_path": agent_path,
        "agent_query": agent_query,
        "name_of": words.name_of,
        "of_room": listing.of_room,
        "query_text": listing.query_text,
        "unfiltered": listing.unfiltered,
        "with_page": listing.with_page,
        "with_sort": listing.with_sort,
        "with_statuses": listing.with_statuses,
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
