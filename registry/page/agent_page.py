"""An agent's page: all that is known of it, its profile, its history and, when somebody asks for it, its log."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.errors import NoLineError, UnknownAgentError
from registry.page import flash
from registry.page.acts import possible
from registry.page.answers import large_html, see
from registry.page.latency_part import LatencyPart, LatencyParts
from registry.page.profile_part import ProfilePart, profile_id, profile_part
from registry.page.queries import parse_id
from registry.records import Change
from registry.running import Registry
from registry.store import StoreError
from registry.views import agent_view

PER_PAGE = 50
"""Rows of the history on a page."""

LOG_TIMEOUT = 2.0
"""Seconds that an agent has to send its log lines."""


def agent_router(registry: Registry) -> APIRouter:
    """`/agents/<id>`.

    What more is asked for stands in the query, because an id may hold slashes: ``before=<id>`` older history,
    ``latencies=day`` how long people waited by days, ``log=last`` the last log lines, ``fragment=live`` the part of the
    page that changes.
    """
    router = APIRouter(include_in_schema=False)
    parts = LatencyParts(registry.sessions, clock=registry.fleet.clock)

    @router.get("/agents/{agent_id:path}")
    async def agent_page(request: Request, agent_id: str) -> Response:
        agent_id = agent_id or request.query_params.get("id", "")
        if not agent_id:
            return see("/")
        if request.query_params.get("fragment") == "live":
            return await large_html("agent_live.html", await _live_values(registry, request, agent_id))
        whose = profile_id(agent_id, registry.fleet.find(agent_id))
        part = None if whose is None else await profile_part(registry, whose)
        wanted = request.query_params.get("latencies", "")
        latencies = None if whose is None else await parts.of(whose, wanted)
        return await _page(registry, request, agent_id, part, latencies)

    return router


async def _page(
    registry: Registry,
    request: Request,
    agent_id: str,
    part: ProfilePart | None,
    latencies: LatencyPart | None,
    *,
    status: int = 200,
) -> Response:
    values = await _live_values(registry, request, agent_id, with_prompt=True)
    is_known = values["is_known"] or (part is not None and part.stored is not None)
    values |= {
        "log": await _log(registry, agent_id) if request.query_params.get("log") == "last" else None,
        "profile": part,
        "latencies": latencies,
        "said": flash.look(request),
        "has_token": registry.token is not None,
    }
    template, status = ("agent.html", status) if is_known else ("nobody.html", 404)
    response = await large_html(template, values, status=status)
    flash.take_away(response)
    return response


async def _live_values(
    registry: Registry, request: Request, agent_id: str, *, with_prompt: bool = False
) -> dict[str, object]:
    history = await _history(registry, agent_id, request.query_params.get("before", ""))
    agent = registry.fleet.find(agent_id)
    return {
        "agent_id": agent_id,
        "agent": None
        if agent is None
        else agent_view(agent, registry.fleet.clock, with_prompt=with_prompt, with_models=True),
        "acts": [] if agent is None else possible(agent),
        "history": history,
        "is_known": bool(agent is not None or history.changes or history.trouble),
        "registry": registry.view(),
        "now": registry.fleet.clock.utc(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    changes: list[Change]
    """Newest first."""

    is_first: bool
    """They are the newest there are."""

    older: int | None
    """Before which id older ones are; None = there are none."""

    trouble: str
    """Why they cannot be read; empty = they can."""


async def _history(registry: Registry, agent_id: str, before_text: str) -> _History:
    before = parse_id(before_text)
    try:
        changes = await registry.history(agent_id, limit=PER_PAGE + 1, before=before)
    except StoreError as error:
        return _History(changes=[], is_first=before is None, older=None, trouble=str(error))
    shown = changes[:PER_PAGE]
    return _History(
        changes=shown,
        is_first=before is None,
        older=shown[-1].id if len(changes) > PER_PAGE else None,
        trouble="",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    lines: list[str]
    trouble: str
    """Why there are none to be had; empty = these are all."""


async def _log(registry: Registry, agent_id: str) -> _Log:
    try:
        lines = await registry.tails.last(agent_id, timeout=LOG_TIMEOUT)
    except (NoLineError, UnknownAgentError):
        return _Log(lines=[], trouble="It has no line to the registry, so its log cannot be asked for.")
    except TimeoutError:
        return _Log(lines=[], trouble=f"It did not send its log within {LOG_TIMEOUT:g} s.")
    return _Log(lines=lines, trouble="")
