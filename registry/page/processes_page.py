"""The processes that this registry starts and watches on its host, and the last lines that one of them wrote."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from processes import State
from registry.children import Children
from registry.page import flash, tones
from registry.page.answers import large_html, see
from registry.page.process_acts import possible_for
from registry.page.sources import Process, processes_of
from registry.running import Registry

N_LINES = 200
"""Log lines on a process's page."""

_IDLE = (State.STOPPED, State.EXITED, State.BACKOFF)


def processes_router(registry: Registry) -> APIRouter:
    """`/processes` and `/processes/<id>`; with ``fragment=live`` the part that changes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/processes")
    async def processes_page(request: Request) -> Response:
        children = registry.children
        if children is not None:
            await children.supervisor.look()
        processes = [] if children is None else sorted(processes_of(children), key=_order)
        counted = Counter(process.now.state.value for process in processes)
        n_red = sum(is_red(process) for process in processes)
        return await _answer(
            registry,
            request,
            "processes",
            {
                "rows": [(process, possible_for(process)) for process in processes],
                "counts": [(state, counted[state]) for state in tones.STATES],
                "file": None if children is None else str(children.supervisor.file),
                "trouble": None if children is None else children.supervisor.trouble,
                "can_start_all": any(process.now.state in _IDLE for process in processes),
                "title": f"{n_red} in trouble · Processes · Roomkeeper"
                if n_red
                else "Processes · Roomkeeper",
                "is_trouble": n_red > 0,
            },
        )

    @router.get("/processes/{process_id:path}")
    async def process_page(request: Request, process_id: str) -> Response:
        process_id = process_id or request.query_params.get("id", "")
        if not process_id:
            return see("/processes")
        children = registry.children
        process = None if children is None else find(children, process_id)
        values: dict[str, object] = {"process_id": process_id, "process": process, "acts": (), "lines": ()}
        if children is None or process is None:
            return await _answer(registry, request, "process", values, status=404)
        values |= {
            "acts": possible_for(process),
            "lines": children.supervisor.lines(process_id, N_LINES),
            "is_trouble": is_red(process),
        }
        return await _answer(registry, request, "process", values)

    return router


def find(children: Children, process_id: str) -> Process | None:
    """The process of that id."""
    return next((process for process in processes_of(children) if process.id == process_id), None)


def is_red(process: Process) -> bool:
    """Whether somebody should look at it."""
    return process.now.state is State.BACKOFF or (
        tones.of_state(process.now.state.value, process.now.exit_code) == "error"
    )


async def _answer(
    registry: Registry, request: Request, name: str, values: dict[str, object], *, status: int = 200
) -> Response:
    values = {"now": registry.fleet.clock.utc(), "registry": registry.view(), **values}
    if request.query_params.get("fragment") == "live":
        return await large_html(f"{name}_now.html", values, status=status)
    values |= {"said": flash.look(request), "has_token": registry.token is not None}
    response = await large_html(f"{name}.html", values, status=status)
    flash.take_away(response)
    return response


def _order(process: Process) -> bool:
    """Trouble first, otherwise as the file has them."""
    return not is_red(process)
