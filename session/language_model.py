"""The language model of a call: livekit-agents' `LLM` over all endpoints of `llm/`; a turn outlives any of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from livekit.agents import NOT_GIVEN, APIConnectionError, APIConnectOptions, APIStatusError, NotGivenOr, llm
from livekit.agents.llm import utils
from livekit.agents.utils import is_given

from llm.chunks import Chunk, delta_of, finish_of, tool_calls_of, usage_of
from llm.errors import BadRequestError, LlmError, NoModelError
from llm.models import Models
from llm.requests import ChatRequest
from llm.tool_calls import Assembly
from session.first_model import FirstModel
from session.pictures import without_pictures
from wire import Profile

logger = logging.getLogger(__name__)

SHORTENINGS = 4
"""Times that a conversation is cut in half for a model that refuses it."""

_TOO_LARGE = 413

NO_RETRY = APIConnectOptions(max_retry=0, retry_interval=0.0, timeout=120.0)
"""The router has tried whatever there is."""


class RoutedModel(llm.LLM[Any]):
    """Asks `models` what the agent of `profile` would ask its one model.

    Args:
        models: All that there are.
        profile: Of the agent. Its model is asked for where it is served.
        prefer: Id of the endpoint to ask first.
        first: Asked before all of `models`; None = nobody is.
    """

    def __init__(
        self,
        models: Models,
        profile: Profile,
        *,
        prefer: str | None = None,
        first: FirstModel | None = None,
    ) -> None:
        super().__init__()
        self.on_whole: Callable[[], None] = lambda: None
        """Called when an answer has come to its end."""
        self.on_blind: Callable[[], None] = lambda: None
        """Called when a question was answered that was refused with its pictures, and taken without them."""
        self.first = first
        self._models = models
        self._wanted = profile.model
        self._prefer = prefer
        self._answered_by = None if first is None else (first.model.model, first.model.provider)
        self.endpoint_id: str | None = None
        """Of the one that answered last; None = none of `models` did."""
        self._options: dict[str, Any] = {}
        if profile.temperature is not None:
            self._options["temperature"] = profile.temperature
        if profile.max_answer_tokens is not None:
            self._options["max_completion_tokens"] = profile.max_answer_tokens

    @property
    def model(self) -> str:
        """The one that answered last, for metrics; before that, the one that would answer."""
        if self._answered_by is not None:
            return self._answered_by[0]
        current = self._models.current
        return (current and current.model) or self._wanted or "none"

    @property
    def provider(self) -> str:
        """Where it is."""
        if self._answered_by is not None:
            return self._answered_by[1]
        current = self._models.current
        return current.host if current else "none"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = NO_RETRY,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        options = {**self._options, "stream_options": {"include_usage": True}}
        if is_given(extra_kwargs):
            options |= extra_kwargs
        if tools:
            options["tools"] = llm.ToolContext(tools).parse_function_tools("openai", strict=True)
            if is_given(parallel_tool_calls):
                options["parallel_tool_calls"] = parallel_tool_calls
            if is_given(tool_choice):
                options["tool_choice"] = tool_choice
        request = ChatRequest(
            messages=(), model=self._wanted, prefer=self._prefer, options=options, on_begin=self._on_begin
        )
        question = {
            "parallel_tool_calls": parallel_tool_calls,
            "tool_choice": tool_choice,
            "extra_kwargs": extra_kwargs,
        }
        return _Stream(self, self._models, request, question, chat_ctx=chat_ctx, tools=tools or [])

    def on_first(self) -> None:
        """The model that comes before all others has answered."""
        if self.first is not None:
            self._answered_by = (self.first.model.model, self.first.model.provider)
            self.endpoint_id = None

    def _on_begin(self, endpoint_id: str, model: str) -> None:
        host = next((view.host for view in self._models.views() if view.id == endpoint_id), endpoint_id)
        self._answered_by = (model, host)
        self.endpoint_id = endpoint_id


class _Stream(llm.LLMStream):
    def __init__(
        self,
        model: RoutedModel,
        models: Models,
        request: ChatRequest,
        question: dict[str, Any],
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
    ) -> None:
        super().__init__(model, chat_ctx=chat_ctx, tools=tools, conn_options=NO_RETRY)
        self._model = model
        self._on_whole = model.on_whole
        self._on_blind = model.on_blind
        self._on_first = model.on_first
        self._first = model.first
        self._models = models
        self._request = request
        self._question = question

    async def _run(self) -> None:
        if await self._first_answers():
            self._on_whole()
            return
        try:
            await self._ask_for_less(self._ask)
        except BadRequestError as error:
            raise APIStatusError(_told(error), status_code=error.status, retryable=False) from error
        except LlmError as error:
            raise APIConnectionError(_told(error), retryable=False) from error
        self._on_whole()

    async def _first_answers(self) -> bool:
        """Whether the model that comes before all others has answered."""
        first = self._first
        if first is None or (first.is_resting and self._models.may_answer):
            return False
        try:
            return await self._ask_for_less(self._ask_first)
        except BadRequestError as error:
            first.refused(error.status)
            return False

    async def _ask_for_less(self, ask: Callable[[llm.ChatContext], Awaitable[bool]]) -> bool:
        """Ask, and where that is refused, with less of the conversation; returns what `ask` does.

        Raises:
            BadRequestError: It is refused however little it is.
        """
        context = self._chat_ctx
        is_blind, refused_by = False, None
        for tries_left in reversed(range(SHORTENINGS + 1)):
            try:
                has_answered = await ask(context)
            except BadRequestError as error:
                # Pictures first: most models take none.
                blind = without_pictures(context)
                shorter = blind or shortened(context)
                if not tries_left or (blind is None and len(shorter.items) == len(context.items)):
                    raise
                # Only if nothing else has to be left out was it the pictures; 413 is about their size.
                is_blind, refused_by = blind is not None and error.status != _TOO_LARGE, error.endpoint_id
                # Most often it is longer than what the model can hold, and grows with each turn.
                logger.warning(
                    "a model refused the conversation, it is shown less of it",
                    extra={"action": "llm.shortened", "status": error.status, "items": len(shorter.items)},
                )
                context = shorter
            else:
                # Another one that answers may see well.
                if has_answered and is_blind and refused_by in (None, self._model.endpoint_id):
                    self._on_blind()
                return has_answered
        return False

    async def _ask_first(self, context: llm.ChatContext) -> bool:
        if self._first is None:
            return False
        has_answered = await self._first.answer(
            self._event_ch.send_nowait, chat_ctx=context, tools=self._tools, **self._question
        )
        if has_answered:
            self._on_first()  # here, for whoever is told next that it is blind asks who has answered
        return has_answered

    async def _ask(self, context: llm.ChatContext) -> bool:
        """True when the answer has come to its end. Raises `BadRequestError` before the first piece only."""
        reader = _Reader()
        messages, _ = context.to_provider_format(format="openai")
        async with aclosing(self._models.stream(replace(self._request, messages=messages))) as chunks:
            async for chunk in chunks:
                for piece in reader.read(chunk):
                    self._event_ch.send_nowait(piece)
        return True


def _told(error: LlmError) -> str:
    """For livekit-agents, which logs it. A server's own words may repeat what was said."""
    return str(error) if isinstance(error, NoModelError) else type(error).__name__


def shortened(context: llm.ChatContext) -> llm.ChatContext:
    """The instructions and the last half of what was said, with whole tool calls only."""
    said = [item for item in context.items if not (item.type == "message" and item.role in _INSTRUCTIONS)]
    return context.copy().truncate(max_items=max(2, len(said) // 2))


_INSTRUCTIONS = {"system", "developer"}


class _Reader:
    """OpenAI's chunks as livekit-agents' own: a tool call is passed on when it is whole."""

    def __init__(self) -> None:
        self._thoughts = utils.ThinkingTokenFilter()
        self._assembly = Assembly("call")

    def read(self, chunk: Chunk) -> list[llm.ChatChunk]:
        name = str(chunk.get("id") or "")
        delta, finish = delta_of(chunk), finish_of(chunk)
        content = delta.get("content")
        text = utils.strip_thinking_tokens(
            content if isinstance(content, str) else None, self._thoughts, final=finish is not None
        )
        self._assembly.add(tool_calls_of(chunk))
        calls: list[llm.FunctionToolCall] = []
        if finish is not None:
            calls = [
                llm.FunctionToolCall(
                    call_id=call.id, name=call.name, arguments=call.arguments, extra=call.further or None
                )
                for call in self._assembly.calls
            ]
            self._assembly = Assembly("call")
        pieces = []
        if text or calls:
            pieces.append(
                llm.ChatChunk(
                    id=name, delta=llm.ChoiceDelta(role="assistant", content=text, tool_calls=calls)
                )
            )
        usage = usage_of(chunk)
        if usage is not None:
            pieces.append(llm.ChatChunk(id=name, usage=_usage(usage)))
        return pieces


def _usage(usage: Mapping[str, Any]) -> llm.CompletionUsage:
    def count(table: Mapping[str, Any] | None, name: str) -> int:
        value = (table or {}).get(name)
        return value if isinstance(value, int) else 0

    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return llm.CompletionUsage(
        completion_tokens=count(usage, "completion_tokens"),
        prompt_tokens=count(usage, "prompt_tokens"),
        prompt_cached_tokens=count(prompt, "cached_tokens"),
        reasoning_tokens=count(completion, "reasoning_tokens"),
        total_tokens=count(usage, "total_tokens"),
    )


class BackAgain:
    """Calls back when a model may answer after none did.

    Args:
        models: Are watched until `end` is called.
        on_back: What to do then.
    """

    def __init__(self, models: Models, on_back: Callable[[], None]) -> None:
        self._models = models
        self._on_back = on_back
        self._may_answer = models.may_answer
        self.end = models.subscribe(self._look)

    def _look(self) -> None:
        before, self._may_answer = self._may_answer, self._models.may_answer
        if self._may_answer and not before:
            self._on_back()
