"""When a model counts as one that sees nothing: only if leaving out the pictures was enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from livekit.agents import APIConnectionError, APIStatusError, llm

from llm.chunks import Chunk
from llm.errors import BadRequestError
from llm.models import Models
from llm.requests import ChatRequest
from session.fallbacks import Fallbacks
from session.first_model import REST, FirstModel
from session.language_model import RoutedModel
from session.pictures import with_pictures
from tests.session import acme_plugin
from tests.session.fake_models import FakeModels
from wire import DEFAULT_PROFILE

N_MESSAGES = 12


def seen() -> llm.ChatContext:
    context = llm.ChatContext.empty()
    for number in range(N_MESSAGES):
        context.add_message(role="user", content=f"Question {number}")
    last = context.items[-1].id
    return with_pictures(context, lambda name: "data:image/jpeg;base64,/9j/4A==" if name == last else None)


class Refusing(FakeModels):
    """Takes at most `most` messages, and pictures or not."""

    def __init__(self, *, most: int, sees: bool, status: int) -> None:
        super().__init__()
        self.most, self.sees, self.status = most, sees, status

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        has_picture = "image_url" in str(request.messages)
        if len(request.messages) > self.most or (has_picture and not self.sees):
            raise BadRequestError("no", status=self.status)
        yield {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hm."}, "finish_reason": "stop"}]}


class Together(Refusing):
    """One that sees nothing, and then another one that nobody has shown anything."""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        try:
            async for chunk in super().stream(request):
                if request.on_begin is not None:
                    request.on_begin("another", "m")
                yield chunk
        except BadRequestError as error:
            raise BadRequestError("no", status=error.status, endpoint_id="blind") from error


class Plugin(acme_plugin.LLM):
    """The same, of a plugin."""

    def __init__(self, *, most: int, sees: bool, status: int) -> None:
        super().__init__()
        self.most, self.sees, self.status = most, sees, status

    def chat(self, *, chat_ctx: llm.ChatContext, **given: Any) -> llm.LLMStream:
        messages = [item for item in chat_ctx.items if item.type == "message"]
        has_picture = any(isinstance(part, llm.ImageContent) for one in messages for part in one.content)
        is_refused = len(messages) > self.most or (has_picture and not self.sees)
        self.steps = (APIStatusError("no", status_code=self.status),) if is_refused else ("Hm.",)
        return super().chat(chat_ctx=chat_ctx, **given)


@pytest.mark.parametrize("is_plugin", [False, True], ids=["of llm", "of a plugin"])
@pytest.mark.parametrize(
    ("most", "sees", "status", "is_told"),
    [
        pytest.param(N_MESSAGES, False, 400, True, id="blind"),
        pytest.param(N_MESSAGES, False, 422, True, id="blind, and says it otherwise"),
        pytest.param(N_MESSAGES, False, 413, False, id="the picture is too large"),
        pytest.param(N_MESSAGES - 1, True, 400, False, id="too long"),
        pytest.param(3, True, 400, False, id="much too long"),
        pytest.param(N_MESSAGES, True, 400, False, id="sees"),
    ],
)
async def test_who_is_blind(most: int, sees: bool, status: int, is_told: bool, is_plugin: bool) -> None:
    fallbacks, models, first = Fallbacks(), FakeModels(), None
    if is_plugin:
        plugin = Plugin(most=most, sees=sees, status=status)
        first = FirstModel(plugin, name="acme", first_word=3.0, between=5.0, total=20.0, fallbacks=fallbacks)
    else:
        models = Refusing(most=most, sees=sees, status=status)
    model, told = RoutedModel(cast(Models, models), DEFAULT_PROFILE, first=first), []
    model.on_blind = lambda: told.append(True)
    async with model.chat(chat_ctx=seen()) as stream:
        assert (await stream.collect()).text == "Hm."
    assert bool(told) is is_told
    assert fallbacks.texts == ()
    assert bool(models.requests) is not is_plugin


async def test_who_answers_for_one_that_is_blind_is_not_called_so() -> None:
    model = RoutedModel(
        cast(Models, Together(most=N_MESSAGES, sees=False, status=400)), DEFAULT_PROFILE, first=None
    )
    told: list[bool] = []
    model.on_blind = lambda: told.append(True)
    async with model.chat(chat_ctx=seen()) as stream:
        assert (await stream.collect()).text == "Hm."
    assert told == []


@pytest.mark.looptime
async def test_the_one_that_refused_is_blind_and_not_the_one_that_answered_before() -> None:
    plugin, models, fallbacks = acme_plugin.LLM(), FakeModels(), Fallbacks()
    plugin.steps = (APIConnectionError("gone"),)
    models.answer = [
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hm."}, "finish_reason": "stop"}]}
    ]
    first = FirstModel(plugin, name="acme", first_word=3.0, between=5.0, total=20.0, fallbacks=fallbacks)
    model, blind = RoutedModel(cast(Models, models), DEFAULT_PROFILE, first=first), []
    model.on_blind = lambda: blind.append((model.provider, model.model))
    async with model.chat(chat_ctx=seen()) as stream:
        await stream.collect()
    assert (model.provider, blind) == ("127.0.0.1:8090", [])
    await asyncio.sleep(REST)
    first.model = Plugin(most=N_MESSAGES, sees=False, status=400)
    async with model.chat(chat_ctx=seen()) as stream:
        await stream.collect()
    assert blind == [("acme", "acme-1")]
