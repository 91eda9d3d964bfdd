"""The API's description: `/openapi.json`, and for people `/docs`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.poll_requests import MAX_MESSAGE, MAX_THREAD_ID

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_ERROR = _object(
    {
        "error": _object(
            {"message": _TEXT, "type": _TEXT, "param": _MAYBE_TEXT, "code": _TEXT}, "message", "code"
        )
    },
    "error",
)
_ASK = _object(
    {
        "message": {"type": "string", "minLength": 1, "maxLength": MAX_MESSAGE},
        "thread_id": {
            "type": ["string", "null"],
            "pattern": "^[A-Za-z0-9._:-]+$",
            "maxLength": MAX_THREAD_ID,
            "description": "The conversation; left out, a new one begins.",
        },
        "stream": {
            "type": "boolean",
            "description": "Answer with server-sent events: token, then done or error.",
        },
    },
    "message",
)
_ANSWER = _object(
    {
        "response": _TEXT,
        "thread_id": _TEXT,
        "model": _MAYBE_TEXT,
        "waiting": {"type": "boolean", "description": "There is no language model; nothing was kept."},
        "retry_after": {"type": "number"},
        "warning": _TEXT,
    },
    "response",
    "thread_id",
    "model",
    "waiting",
)
_COMPLETION = _object(
    {"messages": {"type": "array", "minItems": 1, "items": _object({"role": _TEXT}, "role")}, "model": _TEXT},
    "messages",
)
_SELECTION = _object({"deploy_id": _MAYBE_TEXT, "model": _MAYBE_TEXT}, "deploy_id")


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _operation(summary: str, tag: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "tags": [tag],
            "requestBody": {"required": True, **_json(body)},
            "responses": {
                "200": {"description": "The answer, in JSON or as server-sent events.", **_json(answer)},
                "4XX": {"description": "The request is wrong.", **_json(_ERROR)},
                "5XX": {"description": "No language model, or one that broke off.", **_json(_ERROR)},
            },
        }
    }


def describe(app: FastAPI) -> None:
    """Add to the description what the framework does not see."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description="Chat over HTTP with whatever language model answers.",
                routes=app.routes,
            )
            schema["paths"]["/poll_requests"] = _operation("Ask in a conversation", "chat", _ASK, _ANSWER)
            schema["paths"]["/v1/chat/completions"] = _operation(
                "OpenAI's chat completions", "OpenAI", _COMPLETION, {"type": "object"}
            )
            schema["paths"]["/select_model"]["post"]["requestBody"] = {"required": True, **_json(_SELECTION)}
            schema.setdefault("components", {})["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
            schema["security"] = [{"token": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
