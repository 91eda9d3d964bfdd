"""Asking a model until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from llm.chunks import Chunk
from llm.errors import BadRequestError, BrokenStreamError
from llm.requests import ChatRequest
from llm.tools import answer_with_tools
from tests.llm.tools.scripted import (
    CALLS,
    STOP,
    Scripted,
    calling,
    finishes,
    piece,
    said,
    words,
)
from tests.llm.tools.tools import a_tool

virtual = pytest.mark.looptime

REQUEST = ChatRequest(
    messages=({"role": "user", "content": "When does it open?"},),
    options={"temperature": 0.5, "parallel_tool_calls": True},
)
TOOLS = (a_tool("echo"), a_tool("other"))
CALL = [calling(piece(0, "a", "echo", '{"text": "hello"}')), CALLS]
ANSWER = [*words("It is ", "open."), STOP]


async def answer(model: Scripted, request: ChatRequest = REQUEST, **given: Any) -> list[Chunk]:
    return [each async for each in answer_with_tools(model, request, given.pop("tools", TOOLS), **given)]


async def test_a_model_that_calls_nothing_is_asked_once() -> None:
    model = Scripted(ANSWER)
    assert await answer(model) == ANSWER
    [asked] = model.asked
    assert asked.messages == REQUEST.messages
    assert asked.options["temperature"] == 0.5
    assert [tool["function"]["name"] for tool in asked.options["tools"]] == ["echo", "other"]


async def test_a_call_is_run_and_its_result_shown() -> None:
    model = Scripted([*words("Let me see."), *CALL], ANSWER)
    seen = await answer(model)
    assert said(seen) == "Let me see.\n\nIt is open."
    assert finishes(seen) == ["stop"]
    question, called, result = model.asked[1].messages
    assert question == REQUEST.messages[0]
    assert called == {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "echo", "arguments": '{"text": "hello"}'},
            }
        ],
    }
    assert (result["role"], result["tool_call_id"]) == ("tool", "a")
    assert "\necho of hello\n" in result["content"]
    assert model.n_closed == 2


@virtual
async def test_calls_of_one_round_run_at_the_same_time(looptime: float) -> None:
    async def run(arguments: Mapping[str, Any]) -> str:
        await asyncio.sleep(3)
        return f"slow {arguments['text']}"

    both = [calling(piece(number, name, "slow", f'{{"text": "{name}"}}')) for number, name in enumerate("ab")]
    model = Scripted([*both, CALLS], ANSWER)
    assert said(await answer(model, tools=[a_tool("slow", run)])) == "It is open."
    assert looptime == 3
    results = model.asked[1].messages[2:]
    assert [result["tool_call_id"] for result in results] == ["a", "b"]
    assert ["slow a" in results[0]["content"], "slow b" in results[1]["content"]] == [True, True]


async def test_rounds_are_limited_and_then_it_is_asked_without_tools() -> None:
    model = Scripted(CALL, CALL, CALL, ANSWER)
    seen = await answer(model, rounds=3)
    assert said(seen) == "It is open."
    assert ["tools" in asked.options for asked in model.asked] == [True, True, True, False]
    assert model.asked[-1].options == {"temperature": 0.5}
    assert len(model.asked[-1].messages) == 1 + 3 * 2


async def test_a_model_that_never_stops_calling_is_ended() -> None:
    model = Scripted(CALL)
    assert finishes(await answer(model)) == ["stop"]
    assert len(model.asked) == 5


async def test_no_rounds_at_all_is_no_tools() -> None:
    model = Scripted(ANSWER)
    assert said(await answer(model, rounds=0)) == "It is open."
    assert "tools" not in model.asked[0].options


async def test_what_is_wrong_with_a_call_is_told_to_the_model() -> None:
    wrong = [
        calling(piece(0, "a", "unknown", "{}")),
        calling(piece(1, "b", "echo", '{"text":'), piece(2, "c", "echo", '{"text": 1}')),
        CALLS,
    ]
    model = Scripted(wrong, ANSWER)
    assert said(await answer(model)) == "It is open."
    called, *results = model.asked[1].messages[1:]
    told = [result["content"] for result in results]
    assert told[0] == "There is no tool of that name. There are: echo, other."
    assert "broken JSON" in told[1]
    assert "text must be of type string" in told[2]
    # Servers refuse a request that shows them broken JSON.
    assert called["tool_calls"][1]["function"]["arguments"] == "{}"


async def test_more_calls_than_are_good_are_not_run() -> None:
    n_run = 0

    async def run(_: Mapping[str, Any]) -> str:
        nonlocal n_run
        n_run += 1
        return "done"

    many = [calling(piece(number, f"id{number}", "echo", "{}")) for number in range(50)]
    model = Scripted([*many, CALLS], ANSWER)
    await answer(model, tools=[a_tool("echo", run)])
    assert n_run == 4
    results = model.asked[1].messages[2:]
    assert len(results) == 50
    assert results[4]["content"] == "This was not run: 4 calls at once is the limit."


async def test_a_choice_that_insists_on_a_call_holds_for_the_first_round_only() -> None:
    model = Scripted(CALL, ANSWER)
    await answer(model, ChatRequest(messages=REQUEST.messages, options={"tool_choice": "required"}))
    assert [asked.options.get("tool_choice") for asked in model.asked] == ["required", None]


@pytest.mark.parametrize(
    "options",
    [{"tools": [{"type": "function", "function": {"name": "own"}}]}, {"tool_choice": "none"}],
    ids=["tools of its own", "no tools wanted"],
)
async def test_a_request_with_other_wishes_is_passed_on(options: dict[str, Any]) -> None:
    model = Scripted(CALL)
    request = ChatRequest(messages=REQUEST.messages, options=options)
    assert await answer(model, request) == CALL
    assert model.asked == [request]


async def test_without_tools_everything_is_passed_on() -> None:
    model = Scripted(ANSWER)
    assert await answer(model, tools=()) == ANSWER
    assert model.asked == [REQUEST]


async def test_a_model_that_refuses_tools_is_asked_without_them() -> None:
    model = Scripted([BadRequestError("does not support tools", status=400)], ANSWER)
    assert said(await answer(model)) == "It is open."
    assert ["tools" in asked.options for asked in model.asked] == [True, False]


async def test_a_request_that_is_bad_without_tools_too_is_refused() -> None:
    model = Scripted([BadRequestError("no such role", status=422)])
    with pytest.raises(BadRequestError, match="no such role"):
        await answer(model)
    assert len(model.asked) == 2


async def test_a_refusal_after_a_call_is_raised() -> None:
    model = Scripted(CALL, [BadRequestError("too long", status=400)])
    with pytest.raises(BadRequestError):
        await answer(model)
    assert len(model.asked) == 2


async def test_a_broken_stream_is_raised() -> None:
    model = Scripted([*words("It is"), BrokenStreamError("gone")])
    seen = []
    with pytest.raises(BrokenStreamError):  # noqa: PT012  # what came before it counts too
        async for each in answer_with_tools(model, REQUEST, TOOLS):
            seen.append(each)
    assert said(seen) == "It is"


async def test_closing_it_closes_the_model_s_stream() -> None:
    model = Scripted(ANSWER)
    async with aclosing(answer_with_tools(model, REQUEST, TOOLS)) as chunks:
        assert said([await anext(chunks)]) == "It is "
        assert model.n_closed == 0
    assert model.n_closed == 1


@virtual
async def test_cancelling_it_cancels_the_tools_that_run(looptime: float) -> None:
    ended: list[str] = []

    async def run(arguments: Mapping[str, Any]) -> str:
        try:
            await asyncio.sleep(9)
        finally:
            ended.append(arguments["text"])
        return "never"

    both = [calling(piece(number, name, "slow", f'{{"text": "{name}"}}')) for number, name in enumerate("ab")]
    model = Scripted([*both, CALLS], ANSWER)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await answer(model, tools=[a_tool("slow", run)])
    assert sorted(ended) == ["a", "b"]
    assert looptime == 2
    assert len(model.asked) == 1


@virtual
async def test_cancelling_it_closes_a_stream_that_hangs(looptime: float) -> None:
    model = Scripted(ANSWER)
    model.hangs_after = 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await answer(model)
    assert model.n_closed == 1
    assert looptime == 2


async def test_a_stream_that_cannot_be_closed_is_none_the_worse() -> None:
    class Plain:
        def __init__(self) -> None:
            self._left = iter(ANSWER)

        def __aiter__(self) -> AsyncIterator[Chunk]:
            return self

        async def __anext__(self) -> Chunk:
            try:
                return next(self._left)
            except StopIteration:
                raise StopAsyncIteration from None

    seen = [each async for each in answer_with_tools(lambda _: Plain(), REQUEST, TOOLS)]
    assert said(seen) == "It is open."
