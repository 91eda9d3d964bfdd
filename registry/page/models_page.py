"""The language models: which servers of them agents may use, and how these are."""

from __future__ import annotations

import asyncio
from collections import Counter

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.model_list import HostModels, model_list
from registry.page import flash, tones
from registry.page.answers import large_html
from registry.page.queries import page_number
from registry.page.words import count
from registry.running import Registry

PER_PAGE = 50
"""Hosts."""


def models_router(registry: Registry) -> APIRouter:
    """`/models`, and with ``fragment=live`` the part of it that changes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/models")
    async def models_page(request: Request) -> Response:
        values = await _live_values(registry, request)
        if request.query_params.get("fragment") == "live":
            return await large_html("models_now.html", values)
        values |= {"said": flash.look(request), "has_token": registry.token is not None}
        response = await large_html("models.html", values)
        flash.take_away(response)
        return response

    return router


async def _live_values(registry: Registry, request: Request) -> dict[str, object]:
    clock = registry.fleet.clock
    found = await asyncio.to_thread(model_list, list(registry.fleet), clock)
    n_pages = max(1, -(-len(found.hosts) // PER_PAGE))
    page = min(page_number(request.query_params.get("page", "")), n_pages)
    n_red = sum(not host.has_model for host in found.hosts)
    return {
        "hosts": found.hosts[(page - 1) * PER_PAGE : page * PER_PAGE],
        "counts": _counts(found.hosts),
        "switches": found.switches,
        "page": page,
        "n_pages": n_pages,
        "registry": registry.view(),
        "now": clock.utc(),
        "title": f"{count(n_red, 'host')} without a model · Models · Roomkeeper"
        if n_red
        else "Models · Roomkeeper",
        "is_trouble": n_red > 0,
    }


def _counts(hosts: tuple[HostModels, ...]) -> list[tuple[str, int]]:
    """Endpoints by state, trouble first; states that there are not are left out."""
    counted = Counter(endpoint.state for host in hosts for endpoint in host.endpoints)
    known = [(state, counted.pop(state, 0)) for state in tones.MODEL_STATES]
    return [(state, n) for state, n in (*known, *sorted(counted.items())) if n]
