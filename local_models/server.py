"""The server: which path does what, and how errors look on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

from local_models import chat, listen, recordings, speak, speech
from local_models.answers import MAX_BODY_BYTES, deepgram_error, openai_error
from local_models.errors import RequestError
from local_models.models import Models
from local_models.status import Status

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_DEEPGRAM_PATHS = ("/v1/listen", "/v1/speak")


def create_app(models: Models, status: Status) -> web.Application:
    """An application that is ready to be run. Run it with ``handler_cancellation=True``.

    Without that, a client that went away would keep its place in the queue.
    """
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_shape_errors])

    async def close_sockets(_: web.Application) -> None:
        for socket in list(status.open_sockets):
            # Without waiting for the answer: a client that hangs must not hold up the others.
            await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY, message=b"the server stops", drain=False)

    app.on_shutdown.append(close_sockets)

    async def on_listen(request: web.Request) -> web.StreamResponse:
        return await listen.listen_socket(request, models, status)

    async def on_recording(request: web.Request) -> web.StreamResponse:
        return await recordings.listen(request, models)

    async def on_speak(request: web.Request) -> web.StreamResponse:
        return await speak.speak_socket(request, models, status)

    async def on_text(request: web.Request) -> web.StreamResponse:
        return await speech.speak(request, models)

    async def on_chat(request: web.Request) -> web.StreamResponse:
        return await chat.completions(request, models)

    async def on_transcriptions(request: web.Request) -> web.StreamResponse:
        return await recordings.transcriptions(request, models)

    async def on_speech(request: web.Request) -> web.StreamResponse:
        return await speech.speech(request, models)

    async def on_models(_: web.Request) -> web.StreamResponse:
        return web.json_response(chat.model_list())

    async def on_status(_: web.Request) -> web.StreamResponse:
        return web.json_response(status.as_json())

    async def on_health(_: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    app.add_routes(
        [
            web.get("/v1/listen", on_listen, allow_head=False),
            web.post("/v1/listen", on_recording),
            web.get("/v1/speak", on_speak, allow_head=False),
            web.post("/v1/speak", on_text),
            web.post("/v1/chat/completions", on_chat),
            web.post("/v1/audio/transcriptions", on_transcriptions),
            web.post("/v1/audio/speech", on_speech),
            web.get("/v1/models", on_models),
            web.get("/status", on_status),
            web.get("/healthz", on_health),
        ]
    )
    return app


@web.middleware
async def _shape_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RequestError as error:
        wrong = error
    except web.HTTPRequestEntityTooLarge:
        wrong = RequestError(
            f"the body is larger than {MAX_BODY_BYTES // 1024**2} MB", code="payload_too_large", status=413
        )
    except web.HTTPException as error:
        if error.status < 400:
            raise
        wrong = RequestError(
            f"{request.method} {request.path}: {error.reason}", code="bad_request", status=error.status
        )
    return deepgram_error(wrong) if request.path in _DEEPGRAM_PATHS else openai_error(wrong)
