"""OpenAI's `/v1/chat/completions` and `/v1/models`: whoever speaks to OpenAI can speak to the service.

What comes and goes is passed on as it is, tools among it. Nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from starlette.types import Receive, Scope, Send

from llm.chunks import Chunk, usage_of
from llm.errors import BadRequestError, BrokenStreamError, NoModelError, TooLongError
from llm.requests import ChatRequest
from service import errors
from service.answers import Answers
from service.bodies import GoneError, read_object
from service.errors import BrokenAnswerError, EndingError, RefusedError, ServiceError
from service.event_stream import EventStream
from service.language_models import Answering, LanguageModels, comes_again_in
from service.metrics import Metrics
from service.replies import error_body, send_error, send_json

OWNER = "roomkeeper"
"""Who owns the models of the list. Discovery knows by it that this is no server with models of its own."""

_TRIES = 3
_OURS = frozenset({"messages", "model", "stream"})
_DONE = b"data: [DONE]\n\n"


class ChatCompletions:
    """The route, straight through ASGI."""

    def __init__(self, models: LanguageModels, answers: Answers, *, metrics: Metrics) -> None:
        self._models = models
        self._answers = answers
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_object(scope, receive)
            request = parsed(body)
            if body.get("stream"):
                await self._stream(request, receive, send, with_usage=_wants_usage(body))
            else:
                await self._whole(request, receive, send)
        except errors.FieldError as error:
            await send_error(send, errors.BadRequestError(str(error), param=error.param))
        except ServiceError as error:
            await send_error(send, error)
        except GoneError:
            return

    async def _whole(self, request: ChatRequest, receive: Receive, send: Send) -> None:
        try:
            whole = await self._answers.give(self._complete(request), receive)
        except (NoModelError, BadRequestError, BrokenStreamError) as error:
            raise self._as_service_error(error) from error
        await send_json(send, 200, whole)

    async def _complete(self, request: ChatRequest) -> dict[str, Any]:
        tries = _TRIES
        while True:
            by = Answering()
            try:
                whole = await self._models.complete(by.asked(request))
            except TooLongError:
                raise  # the next one would take as long again
            except BrokenStreamError:
                tries -= 1
                if not tries:
                    raise
            else:
                self._metrics.count_tokens(by.endpoint, whole)
                return whole

    async def _stream(self, request: ChatRequest, receive: Receive, send: Send, *, with_usage: bool) -> None:
        events = EventStream(send)
        try:
            try:
                work = self._pass_on(request, events, with_usage=with_usage)
                await self._answers.give(work, receive, still_there=events.still_there)
            except (NoModelError, BadRequestError, BrokenStreamError) as error:
                raise self._as_service_error(error) from error
            await events.write(_DONE)
        except (BrokenAnswerError, RefusedError, EndingError, errors.NoModelError) as error:
            if not events.is_begun:
                raise
            await events.event(error_body(error))
        await events.end()

    async def _pass_on(self, request: ChatRequest, events: EventStream, *, with_usage: bool) -> None:
        by = Answering()
        async with aclosing(self._models.stream(by.asked(request))) as chunks:
            async for chunk in chunks:
                if "usage" in chunk:
                    self._metrics.count_tokens(by.endpoint, chunk)
                if with_usage or not _is_usage_only(chunk):
                    await events.event(chunk)

    def _as_service_error(self, error: NoModelError | BadRequestError | BrokenStreamError) -> ServiceError:
        if isinstance(error, NoModelError):
            return errors.NoModelError(str(error), retry_after=comes_again_in(self._models))
        if isinstance(error, BadRequestError):
            return RefusedError(str(error), status=error.status)
        return BrokenAnswerError(f"the answer broke off: {error}")


def parsed(body: Mapping[str, Any]) -> ChatRequest:
    """The request of a body.

    Raises:
        FieldError: A field that is looked at here is wrong; the others are for the model to judge.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise errors.FieldError("messages must be a list with one message or more", param="messages")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise errors.FieldError(
                f"messages[{number}] must be an object with a role", param=f"messages[{number}]"
            )
    model, is_stream = body.get("model"), body.get("stream")
    if model is not None and not isinstance(model, str):
        raise errors.FieldError("model must be a text", param="model")
    if is_stream is not None and not isinstance(is_stream, bool):
        raise errors.FieldError("stream must be true or false", param="stream")
    if not is_stream and body.get("n", 1) not in (None, 1):
        raise errors.FieldError("n must be 1 where the answer is not streamed", param="n")
    stream_options = body.get("stream_options")
    if stream_options is not None and not isinstance(stream_options, dict):
        raise errors.FieldError("stream_options must be an object", param="stream_options")
    options = {name: value for name, value in body.items() if name not in _OURS}
    # Models are always asked for a stream, and always for the tokens' count, which the metrics tell.
    options["stream_options"] = {**(stream_options or {}), "include_usage": True}
    return ChatRequest(messages=messages, model=model, options=options)


def model_list(models: LanguageModels) -> dict[str, Any]:
    """What can be asked for: each name once, those of the current endpoint first."""
    views = sorted(models.views(), key=lambda view: not view.is_current)
    listed = [name for view in views for name in (view.model, *view.models) if name]
    return {"object": "list", "data": [_shown_model(name) for name in dict.fromkeys(listed)]}


def one_model(models: LanguageModels, name: str) -> dict[str, Any]:
    """One of them.

    Raises:
        UnknownError: There is none of this name.
    """
    shown: list[dict[str, Any]] = model_list(models)["data"]
    found = next((model for model in shown if model["id"] == name), None)
    if found is None:
        raise errors.UnknownError(f"there is no model {name[:80]!r}", param="model")
    return found


def _shown_model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}


def _wants_usage(body: Mapping[str, Any]) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))


def _is_usage_only(chunk: Chunk) -> bool:
    return not chunk.get("choices") and usage_of(chunk) is not None
