"""`POST /poll_requests`: a message and its answer, in one piece or as server-sent events."""

from __future__ import annotations

import re
from typing import Any

from starlette.types import Receive, Scope, Send

from llm.errors import BadRequestError, BrokenStreamError
from service.answers import Answers
from service.auth import OWNER
from service.bodies import GoneError, read_object
from service.chat import Answer, Ask, Chat
from service.errors import BrokenAnswerError, BusyError, EndingError, FieldError, RefusedError, ServiceError
from service.event_stream import EventStream
from service.replies import error_body, retry_after, send_error, send_json

MAX_MESSAGE = 32_000
"""Characters of one message."""

MAX_THREAD_ID = 128

_THREAD_ID = re.compile(rf"[A-Za-z0-9._:-]{{1,{MAX_THREAD_ID}}}")


class PollRequests:
    """The route, straight through ASGI: a framework would take as long as all the rest of it."""

    def __init__(self, chat: Chat, answers: Answers) -> None:
        self._chat = chat
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_object(scope, receive)
            ask = parsed(body, owner=scope[OWNER])
            if _wants_stream(body, scope):
                await self._stream(ask, receive, send)
            else:
                await self._whole(ask, receive, send)
        except ServiceError as error:
            await send_error(send, error)
        except GoneError:
            return

    async def _whole(self, ask: Ask, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answers.give(self._chat.answer(ask), receive)
        except (BadRequestError, BrokenStreamError) as error:
            raise _as_service_error(error) from error
        await send_json(send, 200, _shown(answer), headers=_headers(answer))

    async def _stream(self, ask: Ask, receive: Receive, send: Send) -> None:
        events = EventStream(send)

        async def say(text: str) -> None:
            await events.event({"text": text}, name=b"token")

        try:
            try:
                work = self._chat.answer(ask, say=say)
                answer = await self._answers.give(work, receive, still_there=events.still_there)
            except (BadRequestError, BrokenStreamError) as error:
                raise _as_service_error(error) from error
            await events.event(_shown(answer), name=b"done", headers=_headers(answer))
        except (BrokenAnswerError, BusyError, RefusedError, EndingError) as error:
            if not events.is_begun:
                raise
            await events.event(error_body(error), name=b"error")
        await events.end()


def parsed(body: dict[str, Any], *, owner: str) -> Ask:
    """The message of a body; fields that are not known are ignored.

    Raises:
        FieldError: One is missing, or holds what it may not.
    """
    message = body.get("message")
    if message is None:
        raise FieldError("message is missing: it must be a text", param="message")
    if not isinstance(message, str):
        raise FieldError(f"message must be a text, not {_kind(message)}", param="message")
    if not message.strip():
        raise FieldError("message is empty: it must hold words", param="message")
    if len(message) > MAX_MESSAGE:
        raise FieldError(
            f"message has {len(message):,} characters, {MAX_MESSAGE:,} is the limit", param="message"
        )
    thread_id = body.get("thread_id")
    if thread_id is not None and not isinstance(thread_id, str):
        raise FieldError(f"thread_id must be a text, not {_kind(thread_id)}", param="thread_id")
    if thread_id is not None and not _THREAD_ID.fullmatch(thread_id):
        raise FieldError(
            f"thread_id must have 1 to {MAX_THREAD_ID} characters, of A-Z a-z 0-9 . _ : -", param="thread_id"
        )
    return Ask(message=message, thread_id=thread_id, owner=owner)


def _wants_stream(body: dict[str, Any], scope: Scope) -> bool:
    wanted = body.get("stream")
    if wanted is not None:
        if not isinstance(wanted, bool):
            raise FieldError(f"stream must be true or false, not {_kind(wanted)}", param="stream")
        return wanted
    return any(name == b"accept" and b"text/event-stream" in value for name, value in scope["headers"])


def _shown(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "response": answer.response,
        "thread_id": answer.thread_id,
        "model": answer.model,
        "waiting": answer.waiting,
    }
    if answer.retry_after is not None:
        shown["retry_after"] = round(answer.retry_after, 1)
    if answer.warning is not None:
        shown["warning"] = answer.warning
    return shown


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [] if answer.retry_after is None else [retry_after(answer.retry_after)]


def _as_service_error(error: BadRequestError | BrokenStreamError) -> ServiceError:
    if isinstance(error, BadRequestError):
        return RefusedError(f"the language model refuses this: {error}", status=error.status)
    return BrokenAnswerError(f"the answer broke off: {error}")


def _kind(value: object) -> str:
    """What JSON calls it."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list"}
    return names.get(type(value), "an object")
