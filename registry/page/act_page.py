"""The forms by which operators act on agents. Looking at one does nothing; sending it does."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.agents import Agent
from registry.errors import RegistryError
from registry.page import act_answers
from registry.page.acts import FORCIBLE, WORDS, Act, carry_out, parse_wish
from registry.page.addresses import agent_path
from registry.page.forms import parse_act, read_form
from registry.page.listing import address, parse_text
from registry.records import Status
from registry.running import Registry
from registry.views import agent_view

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
        return act_answers.done(request, values, said, back=_back(values))

    return router


def _whom_and_what(registry: Registry, values: Mapping[str, str]) -> tuple[Agent, Act]:
    """Raises `RegistryError`: there is no such agent, or no such act."""
    act = parse_act(values, Act)
    return registry.fleet.get(values.get("id", "")), act


def _form(
    registry: Registry, request: Request, values: Mapping[str, str], *, error: RegistryError | None = None
) -> Response:
    """The form for an act. When there is nothing to act on any more, only that."""
    try:
        agent, act = _whom_and_what(registry, values)
    except RegistryError as nothing:
        return act_answers.nothing(error or nothing, values)
    context = {
        "agent": agent_view(agent, registry.fleet.clock),
        "act": act.value,
        "words": WORDS[act],
        "back": _back(values),
        "is_alive": agent.verdict.status not in _PERHAPS_OVER,
        "forcible": [status.value for status in FORCIBLE],
    }
    return act_answers.form(
        "act", request, values, context, error=error, has_token=registry.token is not None
    )


def _back(values: Mapping[str, str]) -> str:
    """The address to go back to. Built anew from what it may hold, so that it cannot lead elsewhere."""
    back = values.get("back", "")
    return agent_path(values.get("id", "")) if back == TO_AGENT else address(parse_text(back))
