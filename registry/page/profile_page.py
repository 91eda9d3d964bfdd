"""Pages of one stored profile: the form for a new one, and one with its form, its script and what else leads on."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry import groups
from registry.attachments import attachment
from registry.errors import RegistryError, UnknownProfileError
from registry.page import act_answers, flash
from registry.page.addresses import profile_path
from registry.page.answers import large_html, see
from registry.page.forms import read_form
from registry.page.login import is_secure
from registry.page.profile_changes import (
    MAX_BYTES,
    MAX_FIELDS,
    ProfileForm,
    change,
    create,
    new_form,
    stored_form,
)
from registry.page.profile_choices import choices
from registry.profile_bundle import write_bundle
from registry.profile_checks import choice_warnings
from registry.profile_script import file_name, script
from registry.running import Registry
from registry.session_records import ProfileRow
from wire import AgentId, AgentIdError, parse_agent_id

_LONGEST = 300
"""Characters of a value in an address."""


def profile_router(registry: Registry) -> APIRouter:
    """`/profiles/new` with ``like`` and ``id``; `/profiles/<id>`, with ``as=json`` and ``as=script`` as files.

    By POST the form of the page: its act is ``save`` or ``delete``.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/profiles/new")
    async def new_page(request: Request) -> Response:
        query = request.query_params
        like, wanted_id = query.get("like", "")[:_LONGEST], query.get("id", "")[:_LONGEST]
        form = await new_form(registry, like=like, wanted_id=wanted_id)
        return await _answer(registry, request, form, like=like)

    @router.post("/profiles/new")
    async def make(request: Request) -> Response:
        try:
            values = await read_form(request, limit=MAX_BYTES, fields=MAX_FIELDS)
        except RegistryError as error:
            return act_answers.nothing(error, {})
        outcome = await create(registry, values)
        if isinstance(outcome, ProfileForm):
            return await _answer(
                registry, request, outcome, like=values.get("like", "")[:_LONGEST], status=400
            )
        said = f"The profile of {outcome.agent_id} is stored. It counts from its next call on."
        return _saved(request, values, said, back=profile_path(outcome.agent_id))

    @router.get("/profiles/{agent_id:path}")
    async def profile_page(request: Request, agent_id: str) -> Response:
        agent_id = agent_id or request.query_params.get("id", "")
        try:
            known_id = parse_agent_id(agent_id)
        except AgentIdError as error:
            return see("/profiles") if not agent_id else _nobody(str(error))
        form = await stored_form(registry, known_id)
        if form.stored is not None:
            match request.query_params.get("as"):
                case "json":
                    return attachment(write_bundle([form.stored]), f"{known_id}.json", "application/json")
                case "script":
                    text = await asyncio.to_thread(script, known_id, form.stored.profile)
                    return attachment(text, file_name(known_id), "text/x-python; charset=utf-8")
                case _:
                    return await _answer(registry, request, form)
        return await _answer(registry, request, form, status=503 if form.trouble else 404)

    @router.post("/profiles/{agent_id:path}")
    async def act(request: Request, agent_id: str) -> Response:
        agent_id = agent_id or request.query_params.get("id", "")
        try:
            known_id = parse_agent_id(agent_id)
            values = await read_form(request, limit=MAX_BYTES, fields=MAX_FIELDS)
        except AgentIdError as error:
            return _nobody(str(error))
        except RegistryError as error:
            return act_answers.nothing(error, {})
        outcome = await change(registry, known_id, values)
        if isinstance(outcome, ProfileForm):
            return await _answer(registry, request, outcome, status=400)
        back = "/profiles" if values.get("act") == "delete" else profile_path(known_id)
        return _saved(request, values, outcome, back=back)

    return router


def _saved(request: Request, values: dict[str, str], said: str, *, back: str) -> Response:
    response = see(back)
    flash.put(response, said, is_secure=is_secure(request))
    act_answers.keep_name(response, request, values)
    return response


def _nobody(words: str) -> Response:
    return act_answers.nothing(UnknownProfileError(words), {})


async def _answer(
    registry: Registry, request: Request, form: ProfileForm, *, like: str = "", status: int = 200
) -> Response:
    values: dict[str, object] = {
        "form": form,
        "like": like,
        "choices": choices(),
        "groups": groups.names(await registry.groups.look(), ""),
        "by": act_answers.name_in(request),
        "now": registry.fleet.clock.utc(),
        "registry": registry.view(),
        "said": flash.look(request),
        "has_token": registry.token is not None,
    }
    if not form.agent_id:
        template = "profile_new.html"
    elif form.stored is None and request.method == "GET":
        template = "profile_none.html"
    else:
        template = "profile.html"
        values |= await asyncio.to_thread(_script_of, form.stored)
    response = await large_html(template, values, status=status)
    flash.take_away(response)
    return response


def _script_of(row: ProfileRow | None) -> dict[str, object]:
    if row is None:  # somebody has deleted it while it was changed
        return {"script": "", "script_name": "", "warnings": []}
    agent_id = AgentId(row.agent_id)
    return {
        "script": script(agent_id, row.profile),
        "script_name": file_name(agent_id),
        "warnings": choice_warnings(row.profile),
    }
