"""The language model of a call: what is asked, and how the answer's pieces reach livekit-agents."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from livekit.agents import APIConnectionError, APIStatusError, llm
from livekit.agents.llm import function_tool
from livekit.agents.metrics import LLMMetrics

from llm.chunks import Chunk
from llm.errors import BadRequestError, BrokenStreamError, NoModelError
from llm.health import State
from llm.models import Models
from llm.requests import ChatRequest
from session.fallbacks import Fallbacks
from session.first_model import FirstModel
from session.language_model import BackAgain, RoutedModel
from tests.session import acme_plugin
from tests.session.fake_models import FakeModels
from wire import DEFAULT_PROFILE

QUESTION = llm.ChatContext.empty()
QUESTION.add_message(role="user", content="Is there a pool?")


def routed(models: FakeModels, **profile: Any) -> RoutedModel:
    return RoutedModel(cast(Models, models), DEFAULT_PROFILE.model_copy(update=profile))


def piece(finish: str | None = None, **delta: Any) -> Chunk:
    return {"id": "c-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call_part(index: int | None = 0, **function: str) -> dict[str, Any]:
    call_id = function.pop("id", None)
    return {"index": index, "id": call_id, "function": function}


async def answer_of(models: FakeModels, **options: Any) -> llm.CollectedResponse:
    async with routed(models).chat(chat_ctx=QUESTION, **options) as stream:
        return await stream.collect()


async def test_the_question_is_asked_with_the_profiles_wishes() -> None:
    models = FakeModels()
    models.answer = [piece(content="Yes."), piece("stop")]
    profile = {"model": "gpt-x", "temperature": 0.3, "max_answer_tokens": 42}
    async with routed(models, **profile).chat(chat_ctx=QUESTION) as stream:
        assert (await stream.collect()).text == "Yes."
    (request,) = models.requests
    assert request.model == "gpt-x"
    assert [dict(message) for message in request.messages] == [
        {"role": "user", "content": "Is there a pool?"}
    ]
    assert request.options["temperature"] == 0.3
    assert request.options["max_completion_tokens"] == 42
    assert "tools" not in request.options


async def test_a_profile_without_wishes_sends_none() -> None:
    models = FakeModels()
    models.answer = [piece("stop", content="Yes.")]
    async with routed(models, model=None, temperature=None, max_answer_tokens=None).chat(
        chat_ctx=QUESTION
    ) as stream:
        await stream.collect()
    assert dict(models.requests[0].options) == {"stream_options": {"include_usage": True}}


async def test_what_a_model_thinks_aloud_is_not_spoken() -> None:
    models = FakeModels()
    models.answer = [
        piece(content="<think>A pool"),
        piece(content="?</think>"),
        piece(content="Yes."),
        piece("stop"),
    ]
    assert (await answer_of(models)).text == "Yes."


@function_tool
async def open_door(room: int) -> str:
    """Opens the door of a room."""
    return f"{room} is open"


async def test_a_tool_call_is_passed_on_when_it_is_whole() -> None:
    models = FakeModels()
    models.answer = [
        piece(role="assistant", tool_calls=[call_part(id="a", name="open_door", arguments="")]),
        piece(tool_calls=[call_part(arguments='{"room"')]),
        piece(tool_calls=[call_part(arguments=": 7}")]),
        piece(tool_calls=[call_part(1, id="b", name="open_door", arguments='{"room": 8}')]),
        piece("tool_calls"),
    ]
    answer = await answer_of(models, tools=[open_door], tool_choice="required", parallel_tool_calls=False)
    assert [(call.call_id, call.name, call.arguments) for call in answer.tool_calls] == [
        ("a", "open_door", '{"room": 7}'),
        ("b", "open_door", '{"room": 8}'),
    ]
    options = models.requests[0].options
    assert options["tools"][0]["function"]["name"] == "open_door"
    assert (options["tool_choice"], options["parallel_tool_calls"]) == ("required", False)


async def test_whole_calls_in_one_piece_are_told_apart() -> None:
    """As Ollama sends them: all with the index 0, or with none."""
    for index in (0, None):
        models = FakeModels()
        calls = [
            call_part(index, id=name, name="open_door", arguments=f'{{"room": {number}}}')
            for number, name in enumerate("ab")
        ]
        models.answer = [piece("tool_calls", tool_calls=calls)]
        answer = await answer_of(models, tools=[open_door])
        assert [(call.call_id, call.arguments) for call in answer.tool_calls] == [
            ("a", '{"room": 0}'),
            ("b", '{"room": 1}'),
        ]


async def test_tokens_are_counted_and_the_model_is_named() -> None:
    models = FakeModels()
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": None,
    }
    models.answer = [piece(content="Yes."), piece("stop"), {"id": "c-1", "choices": [], "usage": usage}]
    model = routed(models)
    told: list[LLMMetrics] = []
    model.on("metrics_collected", told.append)
    async with model.chat(chat_ctx=QUESTION) as stream:
        answer = await stream.collect()
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.prompt_cached_tokens, answer.usage.total_tokens) == (
        12,
        8,
        15,
    )
    (metrics,) = told
    assert (metrics.prompt_tokens, metrics.completion_tokens) == (12, 3)
    assert metrics.metadata is not None
    assert (metrics.metadata.model_name, metrics.metadata.model_provider) == ("local", "127.0.0.1:8090")


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (NoModelError({"a": "cannot connect"}), APIConnectionError),
        (BrokenStreamError("a: silent for 10 s"), APIConnectionError),
        (BadRequestError("HTTP 400: too long", status=400), APIStatusError),
    ],
)
async def test_a_failure_is_final_because_everything_was_tried(
    raised: Exception, becomes: type[Exception]
) -> None:
    models = FakeModels()
    models.answer = raised
    with pytest.raises(becomes) as caught:
        await answer_of(models)
    # What a server says may repeat what a human has said, and this is logged.
    assert ("cannot connect" in str(caught.value)) is isinstance(raised, NoModelError)
    assert "too long" not in str(caught.value)
    assert len(models.requests) == 1


async def test_a_conversation_that_is_too_long_is_cut_until_the_model_takes_it() -> None:
    class Short(FakeModels):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
            self.requests.append(request)
            if len(request.messages) > 6:
                raise BadRequestError("HTTP 400", status=400)
            yield piece("stop", content="Yes.")

    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You are Ada.")
    for number in range(20):
        context.add_message(role="user", content=f"Question {number}")
        context.add_message(role="assistant", content=f"Answer {number}")
    models, whole = Short(), []
    model = routed(models)
    model.on_whole = lambda: whole.append(True)
    async with model.chat(chat_ctx=context) as stream:
        assert (await stream.collect()).text == "Yes."
    assert [len(request.messages) for request in models.requests] == [41, 21, 11, 6]
    last = models.requests[-1].messages
    assert (last[0]["content"], last[-1]["content"]) == ("You are Ada.", "Answer 19")
    assert whole == [True]
    assert len(context.items) == 41, "the call itself forgets nothing"


def before_all(plugin: acme_plugin.LLM, models: FakeModels) -> tuple[RoutedModel, Fallbacks]:
    fallbacks = Fallbacks()
    first = FirstModel(plugin, name="acme", first_word=3.0, between=5.0, total=20.0, fallbacks=fallbacks)
    return RoutedModel(cast(Models, models), DEFAULT_PROFILE, first=first), fallbacks


class Short(acme_plugin.LLM):
    """Refuses more than `most` messages."""

    most = 3

    def chat(self, *, chat_ctx: llm.ChatContext, **given: Any) -> llm.LLMStream:
        refusal = APIStatusError("too long: my card is 4111", status_code=400)
        self.steps = ("Yes.",) if len(chat_ctx.items) <= self.most else (refusal,)
        return super().chat(chat_ctx=chat_ctx, **given)


def long_talk() -> llm.ChatContext:
    context = llm.ChatContext.empty()
    for number in range(10):
        context.add_message(role="user", content=f"Question {number}")
    return context


async def test_a_plugins_model_too_is_shown_less_until_it_answers() -> None:
    plugin, models = Short(), FakeModels()
    model, fallbacks = before_all(plugin, models)
    for _ in range(2):
        async with model.chat(chat_ctx=long_talk()) as stream:
            assert (await stream.collect()).text == "Yes."
    assert models.requests == []
    assert fallbacks.texts == ()
    assert model.model == "acme-1"


async def test_one_that_takes_the_question_in_no_form_rests_and_the_others_get_all_of_it() -> None:
    """Such as Google's, which answers 400 to a wrong key."""
    plugin, models = Short(), FakeModels()
    plugin.most = 0
    models.answer = [piece("stop", content="Hm.")]
    model, fallbacks = before_all(plugin, models)
    for _ in range(2):
        async with model.chat(chat_ctx=long_talk()) as stream:
            assert (await stream.collect()).text == "Hm."
    assert [len(request.messages) for request in models.requests] == [10, 10]
    assert plugin.n_asked == 3, "with 10, 5 and 2 messages, and not in the next turn"
    assert fallbacks.texts == ("llm: acme does not answer (HTTP 400); another language model does",)


async def test_an_answer_that_breaks_off_is_not_whole() -> None:
    models, whole = FakeModels(), []
    models.answer = BrokenStreamError("a: the connection broke")
    model = routed(models)
    model.on_whole = lambda: whole.append(True)
    with pytest.raises(APIConnectionError):
        async with model.chat(chat_ctx=QUESTION) as stream:
            await stream.collect()
    assert whole == []


def test_back_again_is_told_once_for_each_time() -> None:
    models, back = FakeModels(State.FAILING), []
    watching = BackAgain(cast(Models, models), lambda: back.append(models.state))
    models.become(State.WARMING)
    models.become(State.HEALTHY)
    models.become(State.HEALTHY)
    assert back == [State.HEALTHY]
    models.become(State.FAILING)
    models.become(State.UNKNOWN)
    assert back == [State.HEALTHY, State.UNKNOWN]
    watching.end()
    models.become(State.FAILING)
    models.become(State.HEALTHY)
    assert len(back) == 2


def test_without_a_model_its_name_is_the_wish_or_none() -> None:
    models = FakeModels(State.FAILING)
    assert (routed(models, model="gpt-x").model, routed(models).model) == ("gpt-x", "none")
    assert routed(models).provider == "none"
