"""The forms by which operators act on agents. Looking at one does nothing; sending it does."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.agents import Agent
from registry.errors import BadRequestError, RegistryError
from registry.page import flash
from registry.page.acts import FORCIBLE, MAX_NAME, MAX_REASON, WORDS, Act, act_of, carry_out, parse_wish
from registry.page.answers import agent_path, html, see
from registry.page.forms import read_form
from registry.page.listing import address, parse_text
from registry.page.login import is_secure
from registry.records import Status
from registry.running import Registry
from registry.views import agent_view

_NAME_COOKIE = "roomkeeper_name"
"""Who acts, so that nobody has to type it twice."""

_NAME_LIFE = 365 * 86_400

_PERHAPS_OVER = (Status.STOPPED, Status.OFFLINE, Status.UNKNOWN)
"""An agent of another status is removed only when that was said to be right."""

TO_AGENT = "agent"
"""`back` of a form that was opened on the agent's page; otherwise it is the list's query."""


def act_router(registry: Registry) -> APIRouter:
    """`/act`: the form by GET, the act by POST.

    Fields: ``id`` and ``act``; ``back``, where to go afterwards; ``fragment`` for the form alone, without a page around
    it; and what the form asks for.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/act")
    async def ask(request: Request) -> Response:
        return _form(registry, request, dict(request.query_params))

    @router.post("/act")
    async def do(request: Request) -> Response:
        values: dict[str, str] = {}
        try:
            values = await read_form(request)
            agent, act = _whom_and_what(registry, values)
            said = await carry_out(registry, agent, parse_wish(act, values))
        except RegistryError as error:
            return _form(registry, request, values, error=error)
        if values.get("fragment"):
            response: Response = html("said.html", {"said": said})
        else:
            response = see(_back(values))
            flash.put(response, said, is_secure=is_secure(request))
        response.set_cookie(
            _NAME_COOKIE,
            quote(values.get("by", "").strip()[:MAX_NAME], safe=""),
            max_age=_NAME_LIFE,
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return response

    return router


def _whom_and_what(registry: Registry, values: Mapping[str, str]) -> tuple[Agent, Act]:
    """Raises `RegistryError`: there is no such agent, or no such act."""
    act = act_of(values.get("act", ""))
    if act is None:
        raise BadRequestError("there is no such act; load the page anew, it may be of another version")
    return registry.fleet.get(values.get("id", "")), act


def _form(
    registry: Registry, request: Request, values: Mapping[str, str], *, error: RegistryError | None = None
) -> Response:
    """The form for an act, with what was typed in before and what is wrong with it.

    When there is nothing to act on any more, only that.
    """
    try:
        agent, act = _whom_and_what(registry, values)
    except RegistryError as nothing:
        return _nothing(error or nothing, values)
    name = unquote(request.cookies.get(_NAME_COOKIE, ""), errors="replace")[:MAX_NAME]
    return html(
        "act_form.html" if values.get("fragment") else "act.html",
        {
            "agent": agent_view(agent, registry.fleet.clock),
            "act": act.value,
            "words": WORDS[act],
            "values": {"by": name, **values},
            "back": _back(values),
            "error": "" if error is None else str(error),
            "is_alive": agent.verdict.status not in _PERHAPS_OVER,
            "forcible": [status.value for status in FORCIBLE],
            "max_reason": MAX_REASON,
            "max_name": MAX_NAME,
            "has_token": registry.token is not None,
        },
        status=200 if error is None else error.http_status,
    )


def _nothing(error: RegistryError, values: Mapping[str, str]) -> Response:
    """There is nothing to act on."""
    template = "said.html" if values.get("fragment") else "nothing.html"
    return html(template, {"said": str(error), "has_token": False}, status=error.http_status)


def _back(values: Mapping[str, str]) -> str:
    """The address to go back to. Built anew from what it may hold, so that it cannot lead elsewhere."""
    back = values.get("back", "")
    return agent_path(values.get("id", "")) if back == TO_AGENT else address(parse_text(back))
