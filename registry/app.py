"""The registry's web application: every route, in the order in which they are tried."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from registry.api import api_router
from registry.errors import (
    BadRequestError,
    DatabaseError,
    ForgedError,
    LiveKitError,
    NotKeepingError,
    RegistryError,
    UnknownRoomError,
)
from registry.front import Front
from registry.guard import Guard
from registry.health import health_router
from registry.openapi import describe
from registry.page import page_router, static_files
from registry.quoted_ids import QuotedIds
from registry.replies import as_json, refused
from registry.running import VERSION, Registry
from registry.store import StoreError
from registry.trpc import trpc_router
from rooms import errors as rooms_errors
from rooms.webhooks import ForgedWebhookError
from wire import LINE_PATH, Errors, Refused

_ROOMS_ERRORS: dict[type[rooms_errors.RoomsError], type[RegistryError]] = {
    rooms_errors.NoRoomError: UnknownRoomError,
    rooms_errors.NotKeepingError: NotKeepingError,
    rooms_errors.LiveKitError: LiveKitError,
    ForgedWebhookError: ForgedError,
}
_HTTP_CODES = {404: "not_found", 405: "method"}


def create_app(registry: Registry) -> ASGIApp:
    """The application for a registry that runs."""
    app = FastAPI(title="Roomkeeper registry", version=VERSION)
    app.router.routes.insert(0, WebSocketRoute(LINE_PATH, registry.lines.serve))
    for router in (api_router, trpc_router, health_router, page_router):
        app.router.routes += router(registry).routes  # `include_router` would look at each function once more
    app.mount("/static", static_files(), name="static")
    answer_errors(app)
    describe(app)
    return Guard(Front(registry.beats, QuotedIds(app)), token=registry.token)


def answer_errors(app: FastAPI) -> None:
    """Let errors of all routes have one form."""
    app.exception_handler(RegistryError)(_on_error)
    app.exception_handler(rooms_errors.RoomsError)(_on_rooms_error)
    app.exception_handler(StoreError)(_on_store_error)
    app.exception_handler(RequestValidationError)(_on_bad_request)
    app.exception_handler(HTTPException)(_on_http_error)


async def _on_error(_: Request, error: Any) -> Response:
    assert isinstance(error, RegistryError)  # noqa: S101  # what it is registered for
    body = as_json(Errors(error=refused(error)))
    headers = {"Retry-After": f"{max(1, round(error.retry_after))}"} if error.retry_after is not None else {}
    return Response(body, status_code=error.http_status, media_type="application/json", headers=headers)


async def _on_rooms_error(request: Request, error: Any) -> Response:
    kinds = (kind for cause, kind in _ROOMS_ERRORS.items() if isinstance(error, cause))
    kind = next(kinds, BadRequestError)
    return await _on_error(request, kind(str(error)))


async def _on_store_error(request: Request, error: Any) -> Response:
    return await _on_error(request, DatabaseError(f"the database cannot be read: {error}", retry_after=1))


async def _on_bad_request(request: Request, error: Any) -> Response:
    """FastAPI's own words, as one line: where, what is expected, what was there instead."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what it is registered for
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    found = repr(first.get("input"))
    found = found if len(found) <= 40 else f"{found[:40]}…"
    message = first["msg"].removeprefix("Value error, ")
    return await _on_error(request, BadRequestError(f"{where}: {message}; it is {found}"))


async def _on_http_error(_: Request, error: Any) -> Response:
    """No such address, or another method."""
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    code = _HTTP_CODES.get(error.status_code, "http")
    body = as_json(Errors(error=Refused(code=code, message=error.detail)))
    return Response(body, status_code=error.status_code, media_type="application/json", headers=error.headers)
