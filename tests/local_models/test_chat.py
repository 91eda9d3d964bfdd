from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from local_models.models import Models
from tests.local_models.conftest import Serve
from tests.local_models.fakes import EndlessAnswerer, fake_models
from wire import DEFAULT_PROFILE


def asking(question: str, **options: object) -> dict[str, Any]:
    messages: list[dict[str, str]] = [{"role": "system", "content": DEFAULT_PROFILE.prompt}]
    for human, agent in DEFAULT_PROFILE.examples:
        messages += [{"role": "user", "content": human}, {"role": "assistant", "content": agent}]
    messages.append({"role": "user", "content": question})
    return {"model": "local", "messages": messages, "max_tokens": 60, "temperature": 0, **options}


async def stream(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        assert response.content_type == "text/event-stream"
        lines = [line.decode().strip() async for line in response.content]
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(each) for each in data[:-1]]


async def test_the_default_profile_answers_in_one_piece(http: aiohttp.ClientSession, url: str) -> None:
    body = asking("When is breakfast?")
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        answer = await response.json()
    assert answer["object"] == "chat.completion"
    assert "seven" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] > answer["usage"]["completion_tokens"] > 0


async def test_the_default_profile_answers_as_a_stream(http: aiohttp.ClientSession, url: str) -> None:
    chunks = await stream(
        http, url, asking("When is breakfast?", stream=True, stream_options={"include_usage": True})
    )
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "seven" in "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] > 100
    assert len({c["id"] for c in chunks}) == 1


async def test_content_parts_and_tools_are_taken(http: aiohttp.ClientSession, url: str) -> None:
    body = asking("", tools=[{"type": "function", "function": {"name": "f"}}], stream=True)
    body["messages"][-1]["content"] = [
        {"type": "text", "text": "When is"},
        {"type": "text", "text": "breakfast?"},
    ]
    body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "5", "tool_call_id": "1"},
    ]
    chunks = await stream(http, url, body)
    assert "usage" not in chunks[-1]
    assert "seven" in "".join(c["choices"][0]["delta"].get("content", "") for c in chunks)


async def test_an_answer_has_no_more_tokens_than_asked_for(http: aiohttp.ClientSession, url: str) -> None:
    body = asking("When is breakfast?", max_completion_tokens=3, max_tokens=60)
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        answer = await response.json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


async def test_a_long_conversation_loses_its_oldest_turns(http: aiohttp.ClientSession, url: str) -> None:
    body = asking("When is breakfast?", max_tokens=5)
    long_turn = {"role": "user", "content": "sun " * 5_000}
    body["messages"][1:1] = [long_turn] + [{"role": "user", "content": "hi"}] * 7
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        assert response.status == 200
        assert (await response.json())["usage"]["prompt_tokens"] < 1_000


async def test_a_prompt_that_cannot_fit_is_refused(http: aiohttp.ClientSession, url: str) -> None:
    body = {"messages": [{"role": "user", "content": "sun " * 5_000}], "stream": True}
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "context_length_exceeded"


async def test_half_a_surrogate_pair_hurts_nobody(http: aiohttp.ClientSession, url: str) -> None:
    data = b'{"messages": [{"role": "user", "content": "hi \\ud800"}], "max_tokens": 2}'
    async with http.post(f"{url}/v1/chat/completions", data=data) as response:
        assert response.status in (200, 400)


async def test_four_calls_at_once_get_their_own_answers(http: aiohttp.ClientSession, url: str) -> None:
    words = {
        "seven": "When is breakfast?",
        "sunrise": "What is the wifi password?",
        "fifth": "Where is the pool?",
    }
    answers = await asyncio.gather(*(stream(http, url, asking(q, stream=True)) for q in words.values()))
    for word, chunks in zip(words, answers, strict=True):
        assert word in "".join(c["choices"][0]["delta"].get("content", "") for c in chunks)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"{}", b'{"messages": []}', b'{"messages": 5}', b'{"messages": [{"role": "user"}]}',
        b'{"messages": [{"role": "pirate", "content": "hi"}]}', b'{"messages": [{"role": "user", "content": 5}]}',
        b'{"messages": [{"role": "user", "content": "hi"}], "temperature": 9}',
        b'{"messages": [{"role": "user", "content": "hi"}], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 0}',
        b'{"messages": [{"role": "user", "content": "hi"}], "n": 2}',
        b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url"}]}]}',
        b"[" * 100_000,
    ],
)  # fmt: skip
async def test_a_wrong_body_is_refused(http: aiohttp.ClientSession, serve: Serve, body: bytes) -> None:
    url = await serve(fake_models())
    async with http.post(f"{url}/v1/chat/completions", data=body) as response:
        assert response.status == 400
        answer = await response.json()
    assert answer["error"]["type"] == "invalid_request_error"
    assert answer["error"]["message"]


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_client_that_goes_away_stops_the_model(
    http: aiohttp.ClientSession, serve: Serve, is_stream: bool
) -> None:
    answerer = EndlessAnswerer()
    url = await serve(fake_models(answerer=answerer))
    request = asyncio.create_task(stream(http, url, asking("Go on", stream=is_stream)))
    assert await asyncio.to_thread(answerer.began.wait, 4)
    request.cancel()
    assert await asyncio.to_thread(answerer.stopped.wait, 4)


async def test_a_client_that_leaves_the_queue_is_never_answered(
    http: aiohttp.ClientSession, serve: Serve
) -> None:
    answerer = EndlessAnswerer()
    models: Models = fake_models(answerer=answerer)
    url = await serve(models)
    first = asyncio.create_task(stream(http, url, asking("first", stream=True)))
    assert await asyncio.to_thread(answerer.began.wait, 4)
    second = asyncio.create_task(stream(http, url, asking("second", stream=True)))
    async with asyncio.timeout(4):
        while models.llm_queue.n_queued == 0:
            async with http.get(f"{url}/status") as response:
                assert (await response.json())["models"]["llm"]["running"] == 1
        second.cancel()
        while models.llm_queue.n_queued == 1:
            await (await http.get(f"{url}/healthz")).release()
    first.cancel()
    assert await asyncio.to_thread(answerer.stopped.wait, 4)
    assert answerer.questions == ["first"]


async def test_a_client_in_the_queue_gets_a_sign_of_life(http: aiohttp.ClientSession, serve: Serve) -> None:
    answerer = EndlessAnswerer()
    url = await serve(fake_models(answerer=answerer))
    first = asyncio.create_task(stream(http, url, asking("first", stream=True)))
    assert await asyncio.to_thread(answerer.began.wait, 4)
    async with http.post(f"{url}/v1/chat/completions", json=asking("second", stream=True)) as response:
        assert (await response.content.readline()).startswith(b": ")
    first.cancel()
    assert await asyncio.to_thread(answerer.stopped.wait, 4)


async def test_models_are_listed(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = await serve(fake_models())
    async with http.get(f"{url}/v1/models") as response:
        answer = await response.json()
    assert answer["object"] == "list"
    assert all(model["object"] == "model" for model in answer["data"])
