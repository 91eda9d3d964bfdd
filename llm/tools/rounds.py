"""Let a model call tools until it answers: ask, run what it calls, show it the results, ask again."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from llm.chunks import Chunk
from llm.errors import BadRequestError
from llm.requests import ChatRequest
from llm.tool_calls import AskedCall
from llm.tools.calling import call
from llm.tools.joining import Joined
from llm.tools.tool import Tool

logger = logging.getLogger(__name__)

MAX_CALLS = 4
"""Calls of one round that are run. Each costs time, money, and about 2,000 tokens of the model's context."""

Stream = Callable[[ChatRequest], AsyncIterator[Chunk]]
"""Asks a model, like `Models.stream`."""

_Messages = list[Mapping[str, Any]]


async def answer_with_tools(
    stream: Stream, request: ChatRequest, tools: Sequence[Tool], *, rounds: int = 4
) -> AsyncGenerator[Chunk, None]:
    """Stream one answer, for which the model may call `tools`; the caller sees what it says, and one finish.

    A model that refuses tools is asked without them. A request that brings tools of its own, or wants none, is passed
    on as it is: who brings them runs them. Closing the generator, or cancelling the task that waits for it, ends the
    model's stream and the tools that run.

    Args:
        stream: Its errors are passed on.
        request: With `DATA_RULE` in its system prompt.
        tools: Those to offer.
        rounds: How often tools may be called. After them the model is asked once more, without tools.
    """
    if not tools or request.options.get("tools") or request.options.get("tool_choice") == "none":
        async with aclosing(_chunks(stream, request)) as chunks:
            async for chunk in chunks:
                yield chunk
        return
    joined = Joined()
    async with aclosing(_all_rounds(stream, request, tools, rounds, joined)) as chunks:
        async for chunk in chunks:
            shown = joined.take(chunk)
            if shown is not None:
                yield shown
    end = joined.finish()
    if end is not None:
        yield end


async def _all_rounds(
    stream: Stream, request: ChatRequest, tools: Sequence[Tool], rounds: int, joined: Joined
) -> AsyncGenerator[Chunk, None]:
    """The chunks of every round. The caller gives them to `joined`, which says here whether another round is needed."""
    messages: _Messages = list(request.messages)
    for number in range(rounds):
        joined.begin(may_call=True)
        try:
            async with aclosing(_chunks(stream, _offering(request, messages, tools, number))) as chunks:
                async for chunk in chunks:
                    yield chunk
        except BadRequestError as error:
            if number:
                raise
            refusal = {"action": "tools_refused", "status": error.status}
            logger.info("the model is asked again without tools", extra=refusal)
            break
        if not joined.calls:
            return
        messages += await _turn(tools, joined)
    joined.begin(may_call=False)
    async with aclosing(_chunks(stream, _without_tools(request, messages))) as chunks:
        async for chunk in chunks:
            yield chunk


async def _chunks(stream: Stream, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
    """A model's stream, which is closed with this generator."""
    chunks = stream(request)
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        # An iterator need not have it.
        aclose = getattr(chunks, "aclose", None)
        if aclose is not None:
            await aclose()


async def _turn(tools: Sequence[Tool], joined: Joined) -> _Messages:
    """Run what the model calls, all at once: its message, and those that answer it."""
    asked = joined.calls
    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(_result(tools, one, number), name="a call of a tool")
            for number, one in enumerate(asked)
        ]
    calls = [one.as_openai() for one in asked]
    results = [
        {"role": "tool", "tool_call_id": one.id, "content": task.result()}
        for one, task in zip(asked, running, strict=True)
    ]
    return [{"role": "assistant", "content": joined.text or None, "tool_calls": calls}, *results]


async def _result(tools: Sequence[Tool], asked: AskedCall, number: int) -> str:
    if number >= MAX_CALLS:
        return f"This was not run: {MAX_CALLS} calls at once is the limit."
    return await call(tools, asked.name, asked.arguments)


def _offering(request: ChatRequest, messages: _Messages, tools: Sequence[Tool], number: int) -> ChatRequest:
    options = {**request.options, "tools": [tool.as_openai() for tool in tools]}
    if number:
        options.pop("tool_choice", None)  # one that insists on a call would never let it answer
    return dataclasses.replace(request, messages=tuple(messages), options=options)


def _without_tools(request: ChatRequest, messages: _Messages) -> ChatRequest:
    left_out = {"tools", "tool_choice", "parallel_tool_calls"}
    options = {name: value for name, value in request.options.items() if name not in left_out}
    return dataclasses.replace(request, messages=tuple(messages), options=options)
