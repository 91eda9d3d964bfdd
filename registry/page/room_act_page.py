"""The form by which an operator closes a room: no agent is in it any more until it ends."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.errors import LiveKitError, NotKeepingError, RegistryError, UnknownRoomError
from registry.page import act_answers
from registry.page.addresses import room_path, rooms_path
from registry.page.forms import read_form
from registry.page.reasons import parse_why
from registry.page.rooms_page import parse_phase
from registry.page.words import count, isolated, visible
from registry.running import Registry
from rooms import errors as rooms_errors
from rooms.views import CloseReport, RoomView

TO_ROOM = "room"
"""`back` of a form that was opened on the room's page; otherwise it is the phase that the list shows."""


def room_act_router(registry: Registry) -> APIRouter:
    """`/room-act`: the form by GET, the act by POST. Fields: as of `/act`, and ``force``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/room-act")
    async def ask(request: Request) -> Response:
        return _form(registry, request, dict(request.query_params))

    @router.post("/room-act")
    async def do(request: Request) -> Response:
        values: dict[str, str] = {}
        try:
            values = await read_form(request)
            room = _which(registry, values)
            why, force = parse_why(values), values.get("force") == "yes"
            report = await _close(registry, room.name, by=why.by, reason=why.reason, force=force)
        except RegistryError as error:
            return _form(registry, request, values, error=error)
        return act_answers.done(request, values, _told(report), back=_back(values))

    return router


async def _close(registry: Registry, name: str, *, by: str, reason: str, force: bool) -> CloseReport:
    try:
        return await registry.keeper.close(name, by=by, reason=reason, force=force)
    except rooms_errors.NoRoomError as error:
        raise UnknownRoomError(str(error)) from error
    except rooms_errors.LiveKitError as error:
        raise LiveKitError(str(error)) from error
    except rooms_errors.RoomsError as error:
        raise NotKeepingError(str(error)) from error


def _which(registry: Registry, values: Mapping[str, str]) -> RoomView:
    """Raises `UnknownRoomError`."""
    name = values.get("id", "")
    room = registry.keeper.room(name)
    if room is None:
        raise UnknownRoomError(f"there is no room {name[:80]!r} any more")
    return room


def _form(
    registry: Registry, request: Request, values: Mapping[str, str], *, error: RegistryError | None = None
) -> Response:
    try:
        room = _which(registry, values)
    except RegistryError as nothing:
        return act_answers.nothing(error or nothing, values)
    return act_answers.form(
        "room_act",
        request,
        values,
        {"room": room, "back": _back(values)},
        error=error,
        has_token=registry.token is not None,
    )


def _told(report: CloseReport) -> str:
    """What closing has begun, in one sentence."""
    name = isolated(visible(report.room))
    n = report.humans_left_there
    humans = f"; {count(n, 'human')} {'stays' if n == 1 else 'stay'} without one" if n else ""
    if report.removed:
        return f"{_were(len(report.removed))} removed from {name}{humans}."
    if report.asked:
        return f"{_were(len(report.asked))} asked to leave {name}{humans}."
    return f"{name} is closed: no agent comes into it any more{humans}."


def _were(n: int) -> str:
    return f"{count(n, 'agent')} {'was' if n == 1 else 'were'}"


def _back(values: Mapping[str, str]) -> str:
    back = values.get("back", "")
    return room_path(values.get("id", "")) if back == TO_ROOM else rooms_path(parse_phase(back))
