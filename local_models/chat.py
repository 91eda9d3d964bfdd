"""OpenAI's `/v1/chat/completions`, in one piece or as server-sent events."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field, model_validator

from local_models.answers import new_id, openai_error_body
from local_models.errors import RequestError
from local_models.language_model import Answer, Message, Sampling
from local_models.models import Models
from local_models.parameters import parse_body

MODEL_NAME = "smollm2-135m-instruct"

_MAX_TOKENS = 256
"""Of an answer whose client gave no limit: two minutes of speech. A small model may never stop by itself."""

_MOST_TOKENS = 1_024
_PATIENCE = 1.0
"""Seconds until a waiting client gets a sign of life. The plugins give up after 5 without one."""


class _Part(BaseModel):
    type: str
    text: str | None = None


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None

    def text(self) -> str:
        parts = (
            [self.content]
            if isinstance(self.content, str)
            else [p.text for p in self.content or () if p.text]
        )
        # JSON may carry half of a surrogate pair, which is no text and ends llama.cpp's parser.
        return "\n".join(parts).encode("utf-8", "replace").decode()

    def has_pictures(self) -> bool:
        return isinstance(self.content, list) and any(part.type == "image_url" for part in self.content)


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _ChatRequest(BaseModel):
    """What is read; everything else is ignored, tools among it: so small a model calls none."""

    messages: Annotated[list[_Message], Field(min_length=1, max_length=10_000)]
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None

    @model_validator(mode="after")
    def _check_text(self) -> _ChatRequest:
        if any(m.has_pictures() for m in self.messages):
            raise ValueError("messages hold pictures, and nothing here sees; send text")
        if not self.conversation():
            raise ValueError("messages have no text")
        return self

    def conversation(self) -> list[Message]:
        """Only what was said: tool calls and their results mean nothing to this model."""
        return [
            Message(role="system" if m.role == "developer" else m.role, content=text)
            for m in self.messages
            if m.role not in ("tool", "function") and (text := m.text().strip())
        ]

    def sampling(self) -> Sampling:
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Sampling(
            max_tokens=min(self.max_completion_tokens or self.max_tokens or _MAX_TOKENS, _MOST_TOKENS),
            temperature=0.0 if self.temperature is None else self.temperature,
            top_p=self.top_p,
            stop=tuple(s for s in stop if s),
            seed=self.seed,
        )


async def completions(request: web.Request, models: Models) -> web.StreamResponse:
    chat = parse_body(_ChatRequest, await request.read())
    head: dict[str, object] = {"id": f"chatcmpl-{new_id()}", "created": int(time.time()), "model": MODEL_NAME}
    async with aclosing(_answer(models, chat)) as events:
        if chat.stream:
            return await _stream(request, chat, head, events)
        return await _whole(head, events)


def model_list() -> dict[str, object]:
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 0, "owned_by": "local"}
            for name in (MODEL_NAME, "whisper-tiny.en", "nanotts")
        ],
    }


async def _answer(models: Models, chat: _ChatRequest) -> AsyncGenerator[str | Answer, None]:
    """The pieces of the answer as they come, then the `Answer`. Closing it stops the model."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str] = asyncio.Queue()
    stop = threading.Event()

    def on_text(text: str) -> bool:
        try:
            loop.call_soon_threadsafe(pieces.put_nowait, text)
        except RuntimeError:  # the loop has ended: nobody listens
            return True
        return stop.is_set()

    def work() -> Answer:
        return models.answerer.answer(chat.conversation(), chat.sampling(), on_text)

    answer = asyncio.create_task(models.llm_queue.run(work), name="chat-answer")
    try:
        while not (answer.done() and pieces.empty()):
            piece = asyncio.ensure_future(pieces.get())
            await asyncio.wait((piece, answer), return_when=asyncio.FIRST_COMPLETED)
            if piece.done():
                yield piece.result()
            else:
                piece.cancel()
        yield await answer
    finally:
        stop.set()
        answer.cancel()
        with suppress(asyncio.CancelledError, RequestError):
            await answer


async def _whole(head: dict[str, object], events: AsyncGenerator[str | Answer, None]) -> web.Response:
    text = ""
    async for event in events:
        if isinstance(event, str):
            text += event
        else:
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": event.finish_reason,
            }
            return web.json_response(
                {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(event)}
            )
    raise AssertionError("an answer ends with its `Answer`")


async def _stream(
    request: web.Request,
    chat: _ChatRequest,
    head: dict[str, object],
    events: AsyncGenerator[str | Answer, None],
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    head = {**head, "object": "chat.completion.chunk"}
    first = asyncio.ensure_future(anext(events))
    try:
        await asyncio.wait((first,), timeout=_PATIENCE)
        if first.done():
            first.result()  # an error that is known before the answer began has a status of its own
        await response.prepare(request)
        while not first.done():
            await response.write(b": waiting\n\n")
            await asyncio.wait((first,), timeout=_PATIENCE)
        await _send(response, {**head, "choices": [_choice({"role": "assistant", "content": ""})]})
        event: str | Answer | None = first.result()
        while event is not None:
            if isinstance(event, str):
                if event:
                    await _send(response, {**head, "choices": [_choice({"content": event})]})
            else:
                await _send(response, {**head, "choices": [_choice({}, event.finish_reason)]})
                if chat.stream_options and chat.stream_options.include_usage:
                    await _send(response, {**head, "choices": [], "usage": _usage(event)})
            event = await anext(events, None)
        await response.write(b"data: [DONE]\n\n")
    except RequestError as error:
        if not response.prepared:
            raise
        await _send(response, openai_error_body(error))
    except ConnectionResetError:
        return response  # the client is gone; leaving this function stops the model
    finally:
        first.cancel()
        with suppress(asyncio.CancelledError, RequestError, StopAsyncIteration):
            await first
    return response


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


async def _send(response: web.StreamResponse, data: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(data).encode() + b"\n\n")


def _usage(answer: Answer) -> dict[str, object]:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }
