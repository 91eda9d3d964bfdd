"""What programs and people may ask of the processes that the registry runs on its host.

What these processes are stands in a file on the host and nowhere else. Nothing here takes a command, an environment or
a folder: that would be the right to run anything on the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from processes import ClosingError, Snapshot, UnknownProcessError
from registry.api_answers import LogTail, json_response
from registry.api_requests import Words, read_words
from registry.children import Children
from registry.errors import RegistryError
from registry.fleet import Fleet
from registry.openapi import answers, takes
from registry.process_views import ForceStopped, ProcessList, ProcessView, process_view
from registry.quoted_ids import AgentKey

MOST_LINES = 500

_PROCESS = "/processes/{process_id}"

ProcessKey = Annotated[
    str, Path(description="The process's id, as the file of agents has it.", examples=["front-desk"])
]


class UnknownProcess(RegistryError):  # noqa: N818  # the error itself is the supervisor's
    code = "unknown_process"
    http_status = 404


class Closing(RegistryError):  # noqa: N818
    code = "closing"
    http_status = 409


def add_processes(router: APIRouter, children: Children, fleet: Fleet) -> None:
    """Add `/processes…` and `/agents/{agent_id}/force-stop`."""
    supervisor = children.supervisor

    def view(snapshot: Snapshot) -> ProcessView:
        return process_view(snapshot, children.row_ids())

    def whole() -> ProcessList:
        rows = children.row_ids()
        return ProcessList(
            processes=[process_view(snapshot, rows) for snapshot in supervisor.snapshots()],
            file=str(supervisor.file),
            trouble=supervisor.trouble,
        )

    @router.get("/processes", tags=["processes"], responses=answers(ProcessList))
    async def list_processes() -> Response:
        """The processes that the registry runs on its host. What they are stands in a file there."""
        await supervisor.look()
        return json_response(whole())

    @router.post("/processes/start-all", **_told(ProcessList, 409, status=202))
    async def start_all(request: Request) -> Response:
        """Start all that do not run, those too that an operator has stopped."""
        words = await read_words(request, Words)
        await supervisor.look()
        with _asking():
            await children.start_all(by=words.by, reason=words.reason)
        return json_response(whole(), status=202)

    @router.get(_PROCESS, tags=["processes"], responses=answers(ProcessView, 404))
    async def show_process(process_id: ProcessKey) -> Response:
        """One process."""
        await supervisor.look()
        with _asking():
            return json_response(view(supervisor.snapshot(process_id)))

    @router.get(_PROCESS + "/logs", tags=["processes"], responses=answers(LogTail, 404))
    async def show_lines(
        process_id: ProcessKey, lines: Annotated[int, Query(ge=1, le=MOST_LINES)] = 200
    ) -> Response:
        """The last lines that it wrote, over all its runs, without secrets of its environment."""
        with _asking():
            return json_response(LogTail(lines=supervisor.lines(process_id, lines)))

    @router.post(_PROCESS + "/start", **_told(ProcessView, 404, 409, status=202))
    async def start(process_id: ProcessKey, request: Request) -> Response:
        """Let it run, also after a restart of the registry. Nothing happens if it runs."""
        words = await read_words(request, Words)
        await supervisor.look()
        with _asking():
            return _begun(view(await children.start(process_id, by=words.by, reason=words.reason)))

    @router.post(_PROCESS + "/stop", **_told(ProcessView, 404, status=202))
    async def stop(process_id: ProcessKey, request: Request) -> Response:
        """Let it end, and not run after a restart of the registry either. It is killed if it takes too long."""
        words = await read_words(request, Words)
        with _asking():
            return _begun(view(await children.stop(process_id, by=words.by, reason=words.reason)))

    @router.post(_PROCESS + "/force-stop", **_told(ProcessView, 404, status=202))
    async def force_stop(process_id: ProcessKey, request: Request) -> Response:
        """Kill it and all that it started, and let it not run."""
        words = await read_words(request, Words)
        with _asking():
            return _begun(view(await children.stop(process_id, by=words.by, reason=words.reason, force=True)))

    @router.post(_PROCESS + "/restart", **_told(ProcessView, 404, 409, status=202))
    async def restart(process_id: ProcessKey, request: Request) -> Response:
        """Let it end and start it again, as the file has it now."""
        words = await read_words(request, Words)
        await supervisor.look()
        with _asking():
            return _begun(view(await children.restart(process_id, by=words.by, reason=words.reason)))

    @router.post("/agents/{agent_id:path}/force-stop", **_told(ForceStopped, 404))
    async def force_stop_agent(agent_id: AgentKey, request: Request) -> Response:
        """Kill an agent's process if the registry has started it; else only its record is set to stopped."""
        words = await read_words(request, Words)
        done = await children.force_stop(fleet.get(agent_id), by=words.by, reason=words.reason)
        return json_response(ForceStopped(killed=done.is_killed, said=done.said))


def _told(answer: type, *errors: int, status: int = 200) -> dict[str, Any]:
    """What FastAPI is told of a route here that does something."""
    return {
        "tags": ["processes"],
        "status_code": status,
        "responses": answers(answer, 413, *errors, status=status),
        "openapi_extra": takes(Words),
    }


@contextmanager
def _asking() -> Iterator[None]:
    """The supervisor's errors as those of the API."""
    try:
        yield
    except UnknownProcessError as error:
        raise UnknownProcess(str(error)) from error
    except ClosingError as error:
        raise Closing(str(error)) from error


def _begun(view: ProcessView) -> Response:
    return json_response(view, status=202)
