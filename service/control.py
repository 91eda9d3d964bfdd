"""Routes that tell and steer: how the models are, which one is asked, and by which settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from config import SettingsError
from llm.errors import UnknownModelError
from service import trial
from service.bodies import read_object
from service.errors import FieldError, UnknownError, WrongSettingsError
from service.replies import as_json
from service.running import Service
from service.shown_settings import waits_for_restart
from service.status import full_view, open_view

_OPEN: dict[str, Any] = {"security": []}


def control_router(service: Service) -> APIRouter:
    """All of them."""
    router = APIRouter()

    @router.get("/", tags=["status"], openapi_extra=_OPEN)
    async def root() -> Response:
        """How the service is: its models, and which one answers. Needs no token."""
        return _json(open_view(service))

    @router.get("/status", tags=["status"])
    async def status() -> Response:
        """The same, with its settings and what is wrong."""
        return _json(full_view(service))

    @router.head("/health", include_in_schema=False)
    @router.get("/health", tags=["status"], response_class=PlainTextResponse, openapi_extra=_OPEN)
    async def health() -> Response:
        """The process lives. Needs no token."""
        return PlainTextResponse("ok")

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready", tags=["status"], response_class=PlainTextResponse, openapi_extra=_OPEN)
    async def ready() -> Response:
        """A language model answers; 503 while none does. Needs no token."""
        if service.is_ready:
            return PlainTextResponse("ready")
        return PlainTextResponse("ending" if service.answers.is_closing else "initializing", status_code=503)

    @router.get("/metrics", tags=["status"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(service.metrics.as_text(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/test_llm", tags=["models"])
    async def test_llm() -> Response:
        """Asks the current model one short question; 503 with the reasons when it does not answer."""
        result = await trial.ask(service.models, clock=service.clock.monotonic)
        return _json(result, status=200 if result["ok"] else 503)

    @router.post("/refresh", tags=["models"])
    async def refresh() -> Response:
        """Looks for models and probes them all now, which takes seconds; answers how they are then."""
        await service.models.refresh()
        return _json(open_view(service))

    @router.post("/select_model", tags=["models"])
    async def select_model(request: Request) -> Response:
        """Puts an endpoint before all others, by `deploy_id` (or its id); null = as the settings have it."""
        body = await read_object(request.scope, request.receive)
        deploy_id, model = _text(body, "deploy_id"), _text(body, "model")
        if "deploy_id" not in body:
            raise FieldError("deploy_id is missing: a text, or null to select none", param="deploy_id")
        try:
            service.models.select(deploy_id, model=model)
        except UnknownModelError as error:
            param = "model" if error.is_endpoint_known else "deploy_id"
            raise UnknownError(str(error), param=param) from error
        return _json(open_view(service))

    @router.post("/refresh_config", tags=["settings"])
    async def refresh_config() -> Response:
        """Reads `.env.local` and `.env` again and takes what has changed; 422 when they are wrong."""
        try:
            changed = await service.reconfigure()
        except SettingsError as error:
            raise WrongSettingsError(str(error).split("\n")) from error
        return _json({"changed": changed, "after_restart": waits_for_restart(changed), **open_view(service)})

    return router


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise FieldError(f"{name} must be a text", param=name)
    return value or None


def _json(value: object, *, status: int = 200) -> Response:
    return Response(as_json(value), status_code=status, media_type="application/json")
