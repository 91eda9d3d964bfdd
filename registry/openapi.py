"""The API's description: `/openapi.json`, and for people `/docs`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from registry.api_answers import AgentList, History, LogTail, OrderGiven, Pulses, Removed
from registry.api_requests import EvidenceBody, ForceBody, RemoveBody, UnlockBody, Words
from registry.views import AgentView, RegistryView
from wire import BEATS_PATH, LINE_PATH, Beat, Down, Errors, Reply, Up

_REF = "#/components/schemas/{name}"

_TYPES = (
    AgentList, AgentView, Beat, Down, Errors, EvidenceBody, ForceBody, History, LogTail, OrderGiven, Pulses,
    RegistryView, RemoveBody, Removed, Reply, UnlockBody, Up, Words,
)  # fmt: skip

_OPEN = ("/healthz", "/readyz")

_ABOUT = f"""Shows and guards a fleet of agents.

Agents tell how they are by **beats**, sent to `POST {BEATS_PATH}` every few seconds. Each is a full statement, so that
any one alone puts the agent's row right.

The reply offers a **line**: a WebSocket at `{LINE_PATH}`, with the same token. On it go text frames of JSON, each with
one key that says what it is: up (schema `Up`) `beat`, `outcome` of an order, or `logs`; down (schema `Down`) `reply` or
`refused` for each beat, and `command` at any time. A line that breaks without a goodbye (a beat with the status
`stopped`) makes its agent suspect at once, and offline 1.5 s later.

Errors have one form: `{{"error": {{"code", "message", "retryAfter"}}}}`, the last one only where trying again helps.

Clients of tRPC 11 find `localAgents.heartbeat`, `localAgents.getAll`, `localAgents.remove`, `localAgents.cleanup` and
`agents.getDeployed` at `/api/trpc`, by links without a transformer (`httpLink`, `httpBatchLink`).
"""

_ERRORS = {
    400: "The request cannot be read, or a value in it is not one of those that are allowed.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site, or is addressed to another name of this machine.",
    404: "No such agent is known.",
    409: "The agent is in no state for that.",
    413: "The body is too large.",
    429: "Too many new agents came from this address.",
    503: "What must be durable cannot be written, or the database cannot be read. Try again.",
    504: "The agent does not answer.",
}

EVENT_STREAM: dict[str, Any] = {
    "description": "Server-sent events, until one of both ends.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


def answers(kind: type, *errors: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """A route's answers: a struct of `kind`, and errors beyond those that every route has."""
    found: dict[int | str, dict[str, Any]] = {code: _error(code) for code in errors}
    return found | {status: _content(kind, HTTPStatus(status).phrase)}


def takes(kind: type, *, may_be_empty: bool = False) -> dict[str, Any]:
    """A route's body: a struct of `kind`."""
    return {"requestBody": {"required": not may_be_empty, **_content(kind)}}


def describe(app: FastAPI) -> None:
    """Let `app` describe also what FastAPI does not see: routes that are not its own, errors, and the token."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _description(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    found["paths"][BEATS_PATH] = {"post": _beats()}
    for path, item in found["paths"].items():
        for operation in item.values():
            _add_errors(operation["responses"], path)
            if path in _OPEN:
                operation["security"] = []
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template=_REF)
    components = found.setdefault("components", {})
    components["schemas"] = components.get("schemas", {}) | schemas
    for ours in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(ours, None)
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "REGISTRY_TOKEN, where the registry has one.",
        }
    }
    found["security"] = [{"bearer": []}]
    return found


def _add_errors(responses: dict[str, Any], path: str) -> None:
    responses.pop("422", None)  # FastAPI's own form of a bad request; it is told in ours
    usual = (400, 401, 403, 503) if path.startswith("/api/") else (401, 403)
    for code in usual if path not in _OPEN else (403,):
        responses.setdefault(str(code), _error(code))


def _beats() -> dict[str, Any]:
    return {
        "tags": ["beats"],
        "summary": "Take A Beat",
        "description": "Taken when what is new in it is durable. Agents that have a line send their beats on it.",
        "operationId": "take_beat",
        **takes(Beat),
        "responses": {
            "200": _content(Reply, "OK"),
            **{str(code): _error(code) for code in (409, 413, 429)},
        },
    }


def _content(kind: type, description: str | None = None) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=kind.__name__)}
    content = {"content": {"application/json": {"schema": schema}}}
    return content if description is None else {"description": description, **content}


def _error(code: int) -> dict[str, Any]:
    return _content(Errors, _ERRORS[code])
