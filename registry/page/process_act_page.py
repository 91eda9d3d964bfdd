"""The forms by which operators act on processes of this host."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.children import Children
from registry.errors import RegistryError
from registry.page import act_answers
from registry.page.addresses import process_path
from registry.page.forms import parse_act, read_form
from registry.page.process_acts import PROCESS_WORDS, ProcessAct, carry_out_on
from registry.page.processes_page import find
from registry.page.reasons import parse_why
from registry.page.sources import Process, processes_of
from registry.page.words import visible
from registry.running import Registry

TO_PROCESS = "process"
"""`back` of a form that was opened on the process's page."""


class _NoProcessError(RegistryError):
    code = "unknown_process"
    http_status = 404


def process_act_router(registry: Registry) -> APIRouter:
    """`/process-act`: the form by GET, the act by POST. Fields: as of `/act`; ``start-all`` wants no ``id``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/process-act")
    async def ask(request: Request) -> Response:
        return _form(registry, request, dict(request.query_params))

    @router.post("/process-act")
    async def do(request: Request) -> Response:
        values: dict[str, str] = {}
        try:
            values = await read_form(request)
            children, process, act = _which(registry, values)
            said = await carry_out_on(children, process, act, parse_why(values))
        except RegistryError as error:
            return _form(registry, request, values, error=error)
        return act_answers.done(request, values, said, back=_back(values))

    return router


def _which(registry: Registry, values: Mapping[str, str]) -> tuple[Children, Process | None, ProcessAct]:
    """Raises `RegistryError`: nobody starts processes here, or there is no such process or act."""
    act = parse_act(values, ProcessAct)
    children = registry.children
    if children is None:
        raise _NoProcessError("this registry starts no processes")
    if act is ProcessAct.START_ALL:
        return children, None, act
    process = find(children, values.get("id", ""))
    if process is None:
        raise _NoProcessError(f"no process {visible(values.get('id', ''))[:80]!r} is defined here any more")
    return children, process, act


def _form(
    registry: Registry, request: Request, values: Mapping[str, str], *, error: RegistryError | None = None
) -> Response:
    try:
        children, process, act = _which(registry, values)
    except RegistryError as nothing:
        return act_answers.nothing(error or nothing, values)
    context = {
        "process": process,
        "act": act.value,
        "words": PROCESS_WORDS[act],
        "names": [each.now.name for each in processes_of(children) if each.now.pid is None],
        "back": _back(values),
    }
    return act_answers.form(
        "process_act", request, values, context, error=error, has_token=registry.token is not None
    )


def _back(values: Mapping[str, str]) -> str:
    return process_path(values.get("id", "")) if values.get("back") == TO_PROCESS else "/processes"
