"""All stored profiles: of a group, with a text, and as a file."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry import groups
from registry.attachments import attachment
from registry.page import flash
from registry.page.answers import large_html
from registry.page.queries import page_number
from registry.page.sources import Page
from registry.profile_bundle import write_bundle
from registry.profile_list import choose
from registry.running import Registry
from registry.session_records import ProfileRow
from registry.store import StoreError

PER_PAGE = 100

_LONGEST = 300
"""Characters of a value in an address."""


def profiles_router(registry: Registry) -> APIRouter:
    """`/profiles` and, as a file, `/profiles/export`; both with ``group`` and ``search``."""
    router = APIRouter(include_in_schema=False)

    async def chosen(request: Request) -> list[ProfileRow]:
        group, search = _query(request)
        profiles = registry.store.profiles
        return await asyncio.to_thread(lambda: choose(profiles.all(), group=group, search=search))

    @router.get("/profiles")
    async def profiles_page(request: Request) -> Response:
        group, search = _query(request)
        trouble = ""
        try:
            rows = await chosen(request)
        except StoreError as error:
            rows, trouble = [], str(error)
        number = page_number(request.query_params.get("page", ""))
        n_pages = max(1, -(-len(rows) // PER_PAGE))
        number = min(number, n_pages)
        values = {
            "profiles": Page(
                rows=rows[(number - 1) * PER_PAGE : number * PER_PAGE],
                is_first=number == 1,
                has_older=number < n_pages,
                trouble=trouble,
            ),
            "total": len(rows),
            "page": number,
            "n_pages": n_pages,
            "group": group,
            "search": search,
            "groups": groups.names(await registry.groups.look(), group),
            "now": registry.fleet.clock.utc(),
            "registry": registry.view(),
            "said": flash.look(request),
            "has_token": registry.token is not None,
        }
        response = await large_html("profiles.html", values)
        flash.take_away(response)
        return response

    @router.get("/profiles/export")
    async def export(request: Request) -> Response:
        rows = await chosen(request)
        data = await asyncio.to_thread(write_bundle, rows)
        return attachment(data, "profiles.json", "application/json")

    return router


def _query(request: Request) -> tuple[str, str]:
    """Group and text."""
    query = request.query_params
    return query.get("group", "").strip()[:_LONGEST], query.get("search", "").strip()[:_LONGEST]
