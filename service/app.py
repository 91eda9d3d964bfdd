"""The service's web application: every route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.auth import Guard
from service.bodies import GoneError
from service.control import control_router
from service.errors import MethodError, ServiceError, UnknownError
from service.measured import Measured
from service.openai_face import ChatCompletions, model_list, one_model
from service.openapi import describe
from service.poll_requests import PollRequests
from service.replies import as_json, error_body, error_headers
from service.running import Service

CHAT_PATH = "/poll_requests"
COMPLETIONS_PATH = "/v1/chat/completions"

_PATHS = frozenset(
    {
        "/", "/status", "/health", "/ready", "/metrics", "/test_llm", "/refresh", "/select_model", "/refresh_config",
        CHAT_PATH, COMPLETIONS_PATH, "/v1/models",
    }
)  # fmt: skip


def create_app(service: Service) -> ASGIApp:
    """The application for a service that runs."""
    app = FastAPI(title="Roomkeeper agent service", version=service.version)
    quick: dict[str, ASGIApp] = {
        CHAT_PATH: PollRequests(service.chat, service.answers),
        COMPLETIONS_PATH: ChatCompletions(service.models, service.answers, metrics=service.metrics),
    }
    for path, route in quick.items():
        app.router.routes.append(Route(path, route, methods=["POST"], include_in_schema=False))
    app.include_router(control_router(service))
    _add_models(app, service)
    app.exception_handler(ServiceError)(_on_error)
    app.exception_handler(HTTPException)(_on_http_error)
    app.exception_handler(GoneError)(_on_gone)
    describe(app)
    return Measured(
        Guard(_Front(quick, app), service.access),
        service.metrics,
        paths=_PATHS,
        clock=service.clock.monotonic,
    )


class _Front:
    """Sends what many ask at once past the web framework, which takes longer than all the rest of it."""

    def __init__(self, quick: dict[str, ASGIApp], app: ASGIApp) -> None:
        self._quick = quick
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._quick:
            await self._quick[scope["path"]](scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _add_models(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models", tags=["OpenAI"])
    async def models() -> Response:
        """The models that can be asked for, in OpenAI's shape."""
        return _json(model_list(service.models))

    @app.get("/v1/models/{model:path}", tags=["OpenAI"])
    async def model(model: str) -> Response:
        """One of them."""
        return _json(one_model(service.models, model))


async def _on_error(_: Request, error: Any) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101  # what it is registered for
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    return _json(error_body(error), status=error.http_status, headers=headers)


async def _on_http_error(_: Request, error: Any) -> Response:
    """No such address, or another method."""
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    kind = MethodError if error.status_code == 405 else UnknownError
    return _json(error_body(kind(error.detail)), status=error.status_code, headers=dict(error.headers or {}))


async def _on_gone(_: Request, __: Any) -> Response:
    return Response(status_code=499)  # nobody reads it


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(as_json(value), status_code=status, media_type="application/json", headers=headers)
