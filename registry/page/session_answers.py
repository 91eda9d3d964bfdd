"""Answers of the pages of sessions: whole, or the part that changes."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from registry.page import flash
from registry.page.answers import large_html
from registry.running import Registry


async def answer(
    registry: Registry, request: Request, name: str, values: Mapping[str, object], *, status: int = 200
) -> Response:
    """The page `name`, or with ``fragment=live`` its part `<name>_now`."""
    shared = {"now": registry.fleet.clock.utc(), "registry": registry.view()}
    if request.query_params.get("fragment") == "live":
        return await large_html(f"{name}_now.html", {**shared, **values}, status=status)
    shared |= {"said": flash.look(request), "has_token": registry.token is not None}
    response = await large_html(f"{name}.html", {**shared, **values}, status=status)
    flash.take_away(response)
    return response
