"""Errors in the shape that each protocol's clients read."""

from __future__ import annotations

import uuid

from aiohttp import web

from local_models.errors import RequestError

MAX_BODY_BYTES = 25 * 1024 * 1024
"""OpenAI's own limit for a recording: 13 minutes of 16 kHz PCM."""

MAX_TEXT_BYTES = 64 * 1024
"""Of one text frame, and of one text to speak: an hour of speech."""


def new_id() -> str:
    return str(uuid.uuid4())


def deepgram_error(error: RequestError) -> web.Response:
    return web.json_response(
        {"err_code": error.code.upper(), "err_msg": str(error), "request_id": new_id()}, status=error.status
    )


def openai_error(error: RequestError) -> web.Response:
    return web.json_response(openai_error_body(error), status=error.status)


def openai_error_body(error: RequestError) -> dict[str, object]:
    return {
        "error": {
            "message": str(error),
            "type": "invalid_request_error",
            "param": error.param,
            "code": error.code,
        }
    }
