"""OpenAI's own client talks to the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import openai
import pytest

from llm.errors import BadRequestError, BrokenStreamError, NoModelError, TooLongError
from llm.health import State
from service import answers as answers_module
from service.running import Service
from stack.until import until
from tests.service.conftest import Serve, Start
from tests.service.fakes import FakeModels, view
from tests.service.tokens import SECRET, token

HI: Any = [{"role": "user", "content": "hi"}]
PATH = "/v1/chat/completions"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


@pytest.fixture
async def ai(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


async def test_a_whole_answer(ai: openai.AsyncOpenAI, models: FakeModels) -> None:
    answer = await ai.chat.completions.create(model="fake-2", messages=HI, temperature=0.3, max_tokens=9)
    assert answer.choices[0].message.content == "It is a fine day."
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", "fake-1")
    assert answer.usage is not None
    assert answer.usage.total_tokens == 12
    (request,) = models.requests
    assert (request.model, list(request.messages)) == ("fake-2", HI)
    assert request.options == {
        "temperature": 0.3,
        "max_tokens": 9,
        "stream_options": {"include_usage": True},
    }


async def test_a_streamed_answer(ai: openai.AsyncOpenAI) -> None:
    chunks = [each async for each in await ai.chat.completions.create(model="x", messages=HI, stream=True)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "It is a fine day."
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


async def test_tokens_are_told_when_that_is_asked_for(ai: openai.AsyncOpenAI, service: Service) -> None:
    stream = await ai.chat.completions.create(
        model="x", messages=HI, stream=True, stream_options={"include_usage": True}
    )
    chunks = [each async for each in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5
    assert b'kind="completion"} 5.0' in service.metrics.as_text()


async def test_tools_are_passed_on_as_they_are(ai: openai.AsyncOpenAI, models: FakeModels) -> None:
    call = {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Ulm"}'},
    }
    models.words = ("",)
    models.extra = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
    models.words = ()

    async def calling(request: Any) -> Any:
        models.requests.append(request)
        yield {"id": "1", "model": "fake-1", "object": "chat.completion.chunk", "created": 1, **models.extra}
        finish = [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]
        yield {
            "id": "1",
            "model": "fake-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "choices": finish,
        }

    models.stream = calling  # type: ignore[method-assign]
    answer = await ai.chat.completions.create(model="x", messages=HI, tools=TOOLS, tool_choice="auto")
    assert answer.choices[0].message.tool_calls is not None
    function: Any = answer.choices[0].message.tool_calls[0]
    assert (function.function.name, json.loads(function.function.arguments)) == ("weather", {"city": "Ulm"})
    assert answer.choices[0].finish_reason == "tool_calls"
    assert (models.requests[0].options["tools"], models.requests[0].options["tool_choice"]) == (TOOLS, "auto")
    stream = await ai.chat.completions.create(model="x", messages=HI, tools=TOOLS, stream=True)
    streamed: Any = (await anext(aiter(stream))).choices[0].delta.tool_calls
    assert streamed[0].function.name == "weather"
    await stream.close()


async def test_fields_that_nobody_here_knows_reach_the_model(
    ai: openai.AsyncOpenAI, models: FakeModels
) -> None:
    models.extra = {"x_vendor": {"deep": [1]}}
    stream = await ai.chat.completions.create(model="x", messages=HI, stream=True, extra_body={"top_k": 40})
    chunk: Any = await anext(aiter(stream))
    assert chunk.x_vendor == {"deep": [1]}
    assert models.requests[0].options["top_k"] == 40
    await stream.close()


async def test_the_list_of_models(ai: openai.AsyncOpenAI, models: FakeModels) -> None:
    second = view("10.0.0.7:8000", model="org/big", models=("org/big", "fake-1"), is_current=True)
    models.become(
        view(is_current=False), second, view("10.0.0.8:80", model=None, models=(), is_current=False)
    )
    listed = [model async for model in ai.models.list()]
    assert [model.id for model in listed] == ["org/big", "fake-1", "fake-2"]
    assert {model.owned_by for model in listed} == {"roomkeeper"}
    assert (await ai.models.retrieve("org/big")).id == "org/big"
    with pytest.raises(openai.NotFoundError, match="no model 'nope'"):
        await ai.models.retrieve("nope")


# -- what goes wrong


async def test_no_model(ai: openai.AsyncOpenAI, models: FakeModels) -> None:
    models.error = NoModelError({"10.0.0.7:8000": "cannot connect to 10.0.0.7:8000"})
    models.become(view(state=State.FAILING, is_current=False, retry_in=3.2))
    for stream in (True, False):
        with pytest.raises(openai.InternalServerError, match="cannot connect") as caught:
            await ai.chat.completions.create(model="x", messages=HI, stream=stream)
        assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (503, "4")
        assert (caught.value.code, caught.value.type) == ("no_model", "server_error")


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_request_keeps_its_status(
    ai: openai.AsyncOpenAI, models: FakeModels, status: int
) -> None:
    models.error = BadRequestError("context is too long", status=status)
    for stream in (True, False):
        with pytest.raises(openai.APIStatusError, match="context is too long") as caught:
            await ai.chat.completions.create(model="x", messages=HI, stream=stream)
        assert caught.value.status_code == status


async def test_a_broken_answer_is_begun_again_where_nobody_saw_it(
    ai: openai.AsyncOpenAI, models: FakeModels
) -> None:
    models.breaks = [BrokenStreamError("a: silent")] * 2
    answer = await ai.chat.completions.create(model="x", messages=HI)
    assert answer.choices[0].message.content == "It is a fine day."
    models.breaks = [BrokenStreamError("a: silent")] * 3
    with pytest.raises(openai.InternalServerError, match="broke off"):
        await ai.chat.completions.create(model="x", messages=HI)


async def test_an_answer_that_takes_too_long_is_not_begun_again(
    ai: openai.AsyncOpenAI, models: FakeModels
) -> None:
    models.breaks = [TooLongError("a: no end within 120 s")]
    with pytest.raises(openai.InternalServerError, match="no end within"):
        await ai.chat.completions.create(model="x", messages=HI)
    assert len(models.requests) == 1


async def test_a_stream_that_breaks_off_raises_in_the_client(
    ai: openai.AsyncOpenAI, models: FakeModels
) -> None:
    models.breaks = [BrokenStreamError("a: silent for 10 s")]
    stream = await ai.chat.completions.create(model="x", messages=HI, stream=True)
    with pytest.raises(openai.APIError, match="silent for 10 s"):
        async for _ in stream:
            pass


async def test_silence_is_filled_with_comments(
    url: str, http: aiohttp.ClientSession, models: FakeModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "KEEP_ALIVE_INTERVAL", 0.02)
    models.delay = 0.1
    async with http.post(f"{url}{PATH}", json={"messages": HI, "stream": True}) as response:
        text = await response.text()
    assert text.startswith(": still there\n\n")
    assert text.endswith("data: [DONE]\n\n")


async def test_a_client_that_goes_away_ends_its_answer(ai: openai.AsyncOpenAI, models: FakeModels) -> None:
    models.gate = asyncio.Event()
    stream = await ai.chat.completions.create(model="x", messages=HI, stream=True)
    await anext(aiter(stream))
    await stream.close()
    await until(lambda: models.n_closed_early == 1, timeout=20, what="the end of the answer")


async def test_a_token_is_an_api_key(start: Start, serve: Serve) -> None:
    url = await serve(await start(jwt_secret=SECRET))
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=token(), max_retries=0) as client:
        assert (await client.chat.completions.create(model="x", messages=HI)).choices
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-none", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError, match="JWT"):
            await client.models.list()


BAD: dict[str, tuple[bytes | dict[str, Any], str | None]] = {
    "no JSON": (b"{", None),
    "a list": (b"[]", None),
    "no messages": ({}, "messages"),
    "messages as a text": ({"messages": "hi"}, "messages"),
    "no message in them": ({"messages": []}, "messages"),
    "a message that is a text": ({"messages": [*HI, "hi"]}, "messages[1]"),
    "a message without a role": ({"messages": [{"content": "hi"}]}, "messages[0]"),
    "a role that is a number": ({"messages": [{"role": 1}]}, "messages[0]"),
    "a model that is a number": ({"messages": HI, "model": 4}, "model"),
    "stream as a text": ({"messages": HI, "stream": "yes"}, "stream"),
    "stream options as a text": (
        {"messages": HI, "stream": True, "stream_options": "usage"},
        "stream_options",
    ),
    "several answers": ({"messages": HI, "n": 2}, "n"),
    "a list of answers": ({"messages": HI, "n": [1]}, "n"),
}


@pytest.mark.parametrize("name", BAD)
async def test_wrong_requests(client: httpx.AsyncClient, models: FakeModels, name: str) -> None:
    body, param = BAD[name]
    response = await client.post(PATH, content=body if isinstance(body, bytes) else json.dumps(body).encode())
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert set(error) == {"message", "type", "param", "code"}
    assert models.requests == []


async def test_other_methods_and_addresses(client: httpx.AsyncClient) -> None:
    assert (await client.get(PATH)).json()["error"]["code"] == "method"
    assert (await client.post("/v1/embeddings", json={})).json()["error"]["code"] == "not_found"
