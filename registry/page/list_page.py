"""The System Status Panel: all agents, and what the registry has to say."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry import groups
from registry.agents import Agent
from registry.page import flash, listing
from registry.page.acts import possible
from registry.page.answers import large_html
from registry.page.profile_part import is_of_group
from registry.records import Status
from registry.running import Registry
from registry.selection import select
from registry.views import agent_view
from wire import Deployment, Kind

_COUNTED = (
    Status.RUNNING,
    Status.WARNING,
    Status.ERROR,
    Status.OFFLINE,
    Status.STOPPED,
    Status.STARTING,
    Status.UNKNOWN,
)
"""Statuses in the order in which their counts are shown."""


def list_router(registry: Registry) -> APIRouter:
    """`/`, and with ``fragment=live`` the parts of it that change."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def list_page(request: Request) -> Response:
        query = listing.parse_query(request.query_params)
        values = await _live_values(registry, request, query)
        if request.query_params.get("fragment") == "live":
            return await large_html("list_live.html", values)
        values |= {
            "kinds": list(Kind),
            "deployments": list(Deployment),
            "sorts": listing.SORTS,
            "said": flash.look(request),
            "has_token": registry.token is not None,
        }
        response = await large_html("list.html", values)
        flash.take_away(response)
        return response

    return router


async def _live_values(registry: Registry, request: Request, query: listing.Query) -> dict[str, object]:
    agents = list(registry.fleet)
    known_groups = await registry.groups.look()
    wanted, sort = query.wanted(), query.sort
    within = agents
    if query.group:
        within = await asyncio.to_thread(
            lambda: [agent for agent in agents if is_of_group(agent, query.group, known_groups)]
        )

    def look(page: int) -> tuple[list[Agent], int]:
        offset = (page - 1) * listing.PER_PAGE
        return select(within, wanted, sort=sort, limit=listing.PER_PAGE, offset=offset)

    chosen, total = await asyncio.to_thread(look, query.page)
    n_pages = max(1, -(-total // listing.PER_PAGE))
    if query.page > n_pages:  # there were more agents when the link was made
        query = replace(query, page=n_pages)
        chosen, total = await asyncio.to_thread(look, n_pages)
    hosts = await asyncio.to_thread(listing.hosts, agents, query.host)
    clock, view = registry.fleet.clock, registry.view()
    return {
        "query": query,
        "rows": [(agent_view(agent, clock), possible(agent)) for agent in chosen],
        "total": total,
        "n_pages": n_pages,
        "n_agents": len(agents),
        "hosts": hosts,
        "groups": groups.names(known_groups, query.group),
        "counted": _COUNTED,
        "registry": view,
        "now": clock.utc(),
        "title": title(view.counts),
        "base_url": str(request.base_url).rstrip("/"),
        "needs_token": registry.token is not None,
    }


def title(counts: dict[str, int]) -> str:
    """The tab's title: trouble first, so that it can be seen from another tab."""
    trouble = ", ".join(
        f"{n} {status}" for status in ("error", "offline", "warning") if (n := counts.get(status, 0))
    )
    name = "System Status Panel"
    return f"{trouble} · {name}" if trouble else name
