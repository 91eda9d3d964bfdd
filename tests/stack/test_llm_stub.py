"""The stub, as OpenAI's own client sees it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from stack.children import Child
from stack.llm_stub import Behaviour, LlmStub, ToolCall
from stack.ports import free_port
from stack.until import until

ANSWER = "It is a fine day today."
SHORT = 0.2
"""Seconds in which nothing comes where nothing should."""


@pytest.fixture
async def stub() -> AsyncIterator[LlmStub]:
    async with LlmStub() as stub:
        yield stub


@pytest.fixture
async def client(stub: LlmStub) -> AsyncIterator[openai.AsyncOpenAI]:
    async with client_of(stub) as client:
        yield client


def client_of(stub: LlmStub) -> openai.AsyncOpenAI:
    # Certificates take a tenth of a second to read, and there are none here.
    http = openai.DefaultAsyncHttpxClient(verify=False)
    return openai.AsyncOpenAI(base_url=stub.url, api_key="key", max_retries=0, timeout=3, http_client=http)


async def ask(client: openai.AsyncOpenAI, text: str = "How is the day?") -> ChatCompletion:
    return await client.chat.completions.create(model="stub", messages=[{"role": "user", "content": text}])


async def chunks(client: openai.AsyncOpenAI, *, has_usage: bool = False) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in stream(client, has_usage=has_usage)]


async def stream(
    client: openai.AsyncOpenAI, *, has_usage: bool = False
) -> AsyncIterator[ChatCompletionChunk]:
    answer = await client.chat.completions.create(
        model="stub",
        messages=[{"role": "user", "content": "How is the day?"}],
        stream=True,
        stream_options={"include_usage": has_usage},
    )
    async with answer:
        async for chunk in answer:
            yield chunk


async def listen(client: openai.AsyncOpenAI, heard: list[ChatCompletionChunk]) -> None:
    """Add what comes before the error, too."""
    async for chunk in stream(client):
        heard.append(chunk)


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


async def test_it_streams_the_role_the_words_and_the_finish(client: openai.AsyncOpenAI) -> None:
    first, *words, last = await chunks(client)
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert text_of(words) == ANSWER
    assert len(words) == len(ANSWER.split())
    assert (last.choices[0].finish_reason, last.usage) == ("stop", None)


async def test_the_usage_comes_last_for_those_who_ask(client: openai.AsyncOpenAI) -> None:
    *_, last = await chunks(client, has_usage=True)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (4, 6, 10)


async def test_it_answers_at_once_for_those_who_do_not_stream(client: openai.AsyncOpenAI) -> None:
    answer = await ask(client)
    assert answer.choices[0].message.content == ANSWER
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10


async def test_the_answer_may_depend_on_the_request(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    def shout(body: Mapping[str, Any]) -> str:
        return str(body["messages"][-1]["content"]).upper()

    stub.answer = shout
    assert (await ask(client, "hello  there ")).choices[0].message.content == "HELLO  THERE "


async def test_the_first_word_and_the_others_take_their_time(
    stub: LlmStub, client: openai.AsyncOpenAI
) -> None:
    stub.delay, stub.gap, stub.answer = 0.2, 0.1, "one two three"
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    times = [loop.time() - began_at async for _ in stream(client)]
    role, one, _, three, _ = times
    assert one - role > 0.1  # a busy machine may be late for either
    assert three - one > 0.1


async def test_the_end_of_the_body_may_come_after_the_last_event(
    stub: LlmStub, client: openai.AsyncOpenAI
) -> None:
    stub.tail = 0.05
    for _ in range(2):
        assert text_of(await chunks(client)) == ANSWER
    assert (stub.n_left, stub.n_connections) == (0, 1)  # the client waits for it and keeps its connection


async def test_it_tells_its_models_and_nothing_else(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.models = ("large", "small")
    assert [model.id async for model in client.models.list()] == ["large", "small"]
    with pytest.raises(openai.NotFoundError):
        await client.get("/nothing", cast_to=httpx.Response)


async def test_it_counts_and_keeps_what_it_was_asked(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    await client.models.list()
    await ask(client, "one")
    await ask(client, "two")
    assert (stub.n_probes, stub.n_chats) == (1, 2)
    assert stub.counts == {"/v1/models": 1, "/v1/chat/completions": 2}
    assert [body["messages"][0]["content"] for body in stub.requests] == ["one", "two"]
    assert stub.authorization == "Bearer key"
    assert stub.n_open == 1
    assert (stub.n_left, stub.aborted) == (0, False)


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        (Behaviour.UNAUTHORIZED, 401, "Incorrect API key"),
        (Behaviour.FORBIDDEN, 403, "may not"),
        (Behaviour.MISSING, 404, "does not exist"),
        (Behaviour.RATE_LIMITED, 429, "Rate limit"),
        (Behaviour.ERROR, 500, "had an error"),
        (Behaviour.OVERLOADED, 529, "Overloaded"),
        (Behaviour.LOADING, 503, "Loading model"),
    ],
)
async def test_it_refuses(
    stub: LlmStub, client: openai.AsyncOpenAI, behaviour: Behaviour, status: int, words: str, is_stream: bool
) -> None:
    stub.behaviour = behaviour
    with pytest.raises(openai.APIStatusError, match=words) as caught:
        await (chunks(client) if is_stream else ask(client))
    assert caught.value.status_code == status


async def test_a_rate_limit_says_when_to_come_back(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour, stub.retry_after = Behaviour.RATE_LIMITED, 7
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(client)
    assert caught.value.response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.SLOW_LOAD])
async def test_no_header_comes(
    stub: LlmStub, client: openai.AsyncOpenAI, behaviour: Behaviour, is_stream: bool
) -> None:
    stub.behaviour = behaviour
    hurried = client.with_options(timeout=SHORT)
    with pytest.raises(openai.APITimeoutError):
        await (chunks(hurried) if is_stream else ask(hurried))


async def test_headers_come_and_then_silence(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.SILENT
    # Its limit is for each read, so headers that come are in time.
    answer = await client.with_options(timeout=SHORT).chat.completions.create(
        model="stub", messages=[], stream=True
    )
    async with answer:
        with pytest.raises(openai.APITimeoutError):
            await anext(aiter(answer))


async def test_it_keeps_a_stream_alive_without_a_word(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.KEEP_ALIVE
    heard = []
    async for chunk in stream(client):
        heard.append(chunk)
        if len(heard) == 5:
            break
    assert text_of(heard) == ""


@pytest.mark.parametrize(("behaviour", "text"), [(Behaviour.DIES, "It is a"), (Behaviour.DIES_EARLY, "")])
async def test_it_dies_in_the_middle_of_a_sentence_or_before_it(
    stub: LlmStub, client: openai.AsyncOpenAI, behaviour: Behaviour, text: str
) -> None:
    stub.behaviour = behaviour
    heard: list[ChatCompletionChunk] = []
    with pytest.raises(openai.APIConnectionError) as caught:
        await listen(client, heard)
    assert type(caught.value.__cause__).__name__ == "ReadError"
    assert heard[0].choices[0].delta.role == "assistant"
    assert text_of(heard) == text


@pytest.mark.parametrize("behaviour", [Behaviour.DIES, Behaviour.DIES_EARLY])
async def test_it_dies_in_a_body_that_is_not_streamed(
    stub: LlmStub, client: openai.AsyncOpenAI, behaviour: Behaviour
) -> None:
    stub.behaviour = behaviour
    with pytest.raises(openai.APIConnectionError):
        await ask(client)


async def test_it_loads_for_a_while_and_then_answers(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.loading_for = 0.1
    stub.behaviour = Behaviour.LOADING
    with pytest.raises(openai.InternalServerError) as caught:
        await client.models.list()
    assert caught.value.response.json() == {
        "error": {"message": "Loading model", "type": "unavailable_error", "param": None, "code": 503}
    }
    await asyncio.sleep(stub.loading_for)
    assert text_of(await chunks(client)) == ANSWER


async def test_it_loads_slowly_once(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    loop = asyncio.get_running_loop()
    stub.loading_for = 0.1
    stub.behaviour = Behaviour.SLOW_LOAD
    began_at = loop.time()
    await asyncio.gather(ask(client), ask(client))
    assert loop.time() - began_at >= 0.09
    stub.loading_for = 60
    assert text_of(await chunks(client)) == ANSWER


async def test_who_goes_away_aborts_the_loading(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.SLOW_LOAD
    with pytest.raises(openai.APITimeoutError):
        await ask(client.with_options(timeout=SHORT))
    await until(lambda: stub.aborted, timeout=20, what="the stub to see it")
    stub.loading_for = 0
    await ask(client)


async def test_who_goes_away_in_the_middle_is_counted(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.ENDLESS
    heard = []
    async for chunk in stream(client):
        heard.append(chunk)
        if len(heard) == 50:
            break
    assert text_of(heard).startswith(ANSWER + ANSWER)
    await client.close()
    await until(lambda: stub.n_left == 1 and stub.n_open == 0, timeout=20, what="the stub to see it")
    assert not stub.aborted


async def test_it_shows_a_page(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.HTML
    async with httpx.AsyncClient() as http:
        for path in ("models", "chat/completions"):
            page = await http.request("GET" if path == "models" else "POST", f"{stub.url}/{path}")
            assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
            assert page.text.startswith("<!doctype html>")


async def test_it_says_an_error_as_if_it_were_an_answer(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.ERROR_BODY
    assert (await ask(client)).choices is None  # the client takes any JSON for an answer
    stub.behaviour = Behaviour.ERROR_IN_STREAM
    with pytest.raises(openai.APIError, match="engine has died"):
        await chunks(client)


async def test_it_sends_what_is_no_json(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.BROKEN_FRAMES
    heard: list[ChatCompletionChunk] = []
    with pytest.raises(json.JSONDecodeError):
        await listen(client, heard)
    assert len(heard) == 1  # the one that came in two pieces
    with pytest.raises(json.JSONDecodeError):
        await ask(client)


async def test_it_ends_without_a_word(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.EMPTY
    assert await chunks(client) == []
    assert (await ask(client)).choices == []


async def test_it_calls_a_tool(stub: LlmStub, client: openai.AsyncOpenAI) -> None:
    stub.behaviour = Behaviour.TOOL_CALL
    stub.tool_call = ToolCall(name="search", arguments='{"q": "roses"}')
    heard = await chunks(client)
    calls = [
        call.function for chunk in heard for choice in chunk.choices for call in choice.delta.tool_calls or ()
    ]
    assert [call.name for call in calls if call and call.name] == ["search"]
    assert "".join(call.arguments or "" for call in calls if call) == '{"q": "roses"}'
    assert text_of(heard) == ""
    assert heard[-1].choices[0].finish_reason == "tool_calls"
    message = (await ask(client)).choices[0].message
    assert message.content is None
    assert message.tool_calls is not None
    assert message.tool_calls[0].to_dict()["function"] == {"name": "search", "arguments": '{"q": "roses"}'}


@pytest.mark.parametrize(
    ("behaviour", "lists_well"),
    [(Behaviour.SILENT, True), (Behaviour.RATE_LIMITED, True), (Behaviour.ERROR, False)],
)
async def test_some_servers_fail_at_chats_only(
    stub: LlmStub, client: openai.AsyncOpenAI, behaviour: Behaviour, lists_well: bool
) -> None:
    stub.behaviour = behaviour
    for lists in (lists_well, not lists_well):
        if lists:
            assert [model.id async for model in client.models.list()] == ["stub"]
        else:
            with pytest.raises(openai.APIStatusError):
                await client.models.list()
        stub.probe_behaviour = Behaviour.OVERLOADED if lists else Behaviour.OK


async def test_it_comes_up_on_a_known_port_and_keeps_it() -> None:
    port = free_port()
    async with LlmStub(port=port) as stub, client_of(stub) as client:
        assert stub.port == port
        assert stub.url == f"http://127.0.0.1:{port}/v1"
        await ask(client)
        await stub.stop()
        assert stub.n_open == 0
        with pytest.raises(openai.APIConnectionError):
            await ask(client)
        await stub.start()
        await stub.start()
        await ask(client)
    assert stub.n_chats == 2
    assert stub.n_left == 0


async def test_a_taken_port_is_told(stub: LlmStub) -> None:
    other = LlmStub(port=stub.port)
    with pytest.raises(OSError, match="in use"):
        await other.start()
    await other.stop()


@pytest.mark.parametrize("is_hard", [True, False])
async def test_its_end_ends_all_answers(stub: LlmStub, client: openai.AsyncOpenAI, is_hard: bool) -> None:
    stub.behaviour = Behaviour.SILENT
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(ends(client)) for _ in range(3)]
        await until(lambda: len(stub.requests) == 3, timeout=20, what="three requests")
        assert stub.n_open == 3
        await (stub.kill() if is_hard else stub.stop())
    assert {task.result() for task in asking} == {"ReadError" if is_hard else "RemoteProtocolError"}
    assert (stub.n_open, stub.n_left) == (0, 0)
    await stub.kill()
    await stub.stop()


async def ends(client: openai.AsyncOpenAI) -> str:
    """What the client's transport says of a stream that breaks."""
    with pytest.raises(openai.APIConnectionError) as caught:
        await chunks(client)
    return type(caught.value.__cause__).__name__


async def test_it_runs_as_a_program(tmp_path: Path) -> None:
    port = free_port()
    options = ["--port", str(port), "--behaviour", "tool_call", "--model", "large", "--model", "small"]
    command = [sys.executable, "-m", "stack.llm_stub", *options]
    async with Child(command, name="stub", log=tmp_path / "log") as child:
        url = f"http://127.0.0.1:{port}/v1"
        await child.ready(lambda: url in child.log_text(), timeout=20)
        async with openai.AsyncOpenAI(base_url=url, api_key="key") as client:
            assert [model.id async for model in client.models.list()] == ["large", "small"]
            assert (await ask(client)).choices[0].finish_reason == "tool_calls"
        os.kill(child.pid, signal.SIGTERM)
        assert await child.wait(timeout=20) == 0
