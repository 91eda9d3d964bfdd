"""The API's description: `/openapi.json`, and for people `/docs`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from registry.api_answers import AgentList, History, LogTail, OrderGiven, Pulses, Removed
from registry.api_requests import EvidenceBody, ForceBody, RemoveBody, UnlockBody, Words
from registry.guard import WEBHOOK_PATH
from registry.latencies import AgentLatencies
from registry.model_list import ModelList
from registry.process_views import ForceStopped, ProcessList, ProcessView
from registry.profile_answers import Bundle, ImportReport, ProfileList, ProfileView, RegisterBody
from registry.room_answers import (
    CloseBody,
    GarbageBody,
    Nothing,
    RoomAgents,
    RoomEvents,
    SessionBody,
    SessionStarted,
    TokenBody,
    TokenGiven,
)
from registry.session_views import SessionDetail, SessionList
from registry.transcripts import Transcript
from registry.views import AgentView, RegistryView
from rooms.views import CloseReport, GarbageReport, RoomList, RoomStats, RoomView, WhyView
from wire import (
    BEATS_PATH,
    LINE_PATH,
    Beat,
    Conversation,
    Down,
    Errors,
    Profile,
    Reply,
    ReportTaken,
    SessionReport,
    Up,
)

_REF = "#/components/schemas/{name}"

_TYPES = (
    AgentLatencies, AgentList, AgentView, Beat, Bundle, CloseBody, CloseReport, Conversation, Down, Errors,
    EvidenceBody, ForceBody, ForceStopped, GarbageBody, GarbageReport, History, ImportReport, LogTail, ModelList,
    Nothing, OrderGiven, ProcessList, ProcessView, ProfileList, ProfileView, Pulses, RegisterBody, RegistryView,
    RemoveBody, Removed, Reply, ReportTaken, RoomAgents, RoomEvents, RoomList, RoomStats, RoomView, SessionBody,
    SessionDetail, SessionList, SessionReport, SessionStarted, TokenBody, TokenGiven, Transcript, UnlockBody, Up,
    WhyView, Words,
)  # fmt: skip

_OPEN = ("/healthz", "/readyz", WEBHOOK_PATH)

_ABOUT = f"""Shows and guards a fleet of agents.

Agents tell how they are by **beats**, sent to `POST {BEATS_PATH}` every few seconds. Each is a full statement, so that
any one alone puts the agent's row right.

The reply offers a **line**: a WebSocket at `{LINE_PATH}`, with the same token. On it go text frames of JSON, each with
one key that says what it is: up (schema `Up`) `beat`, `outcome` of an order, or `logs`; down (schema `Down`) `reply` or
`refused` for each beat, and `command` at any time. A line that breaks without a goodbye (a beat with the status
`stopped`) makes its agent suspect at once, and offline 1.5 s later.

Errors have one form: `{{"error": {{"code", "message", "retryAfter"}}}}`, the last one only where trying again helps.

LiveKit sends its webhooks to `POST {WEBHOOK_PATH}` (`webhook.urls` of livekit-server); its signature is asked for
there, and no token.

Clients of tRPC 11 find `localAgents.heartbeat`, `localAgents.getAll`, `localAgents.remove`, `localAgents.cleanup` and
`agents.getDeployed` at `/api/trpc`, by links without a transformer (`httpLink`, `httpBatchLink`).
"""

_ERRORS = {
    400: "The request cannot be read, or a value in it is not one of those that are allowed.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site, or is addressed to another name of this machine.",
    404: "Nothing of that name is known.",
    409: "It is in no state for that.",
    412: "It is not what the caller has seen, so nothing is written.",
    413: "The body is too large.",
    429: "Too many new agents came from this address.",
    502: "LiveKit is out of reach, or did not do it.",
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
    components["schemas"] = components.get("schemas", {}) | schemas | {"Profile": _profile()}
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


def _profile() -> dict[str, Any]:
    # Readers of a profile leave out what they do not know; the API takes it for a slip of the pen.
    return {
        **Profile.model_json_schema(ref_template=_REF.replace("{name}", "{model}")),
        "additionalProperties": False,
    }


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
