"""One call, whatever comes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from llm.tools import Tool, ToolError, aclose, call
from tests.llm.tools.tools import a_tool

virtual = pytest.mark.looptime


def test_a_tool_is_told_to_models_as_openai_wants_it() -> None:
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": []}
    assert a_tool("echo").as_openai() == {
        "type": "function",
        "function": {"name": "echo", "description": "For a test", "parameters": parameters},
    }


async def test_a_result_is_framed_with_its_origin() -> None:
    told = await call([a_tool("echo")], "echo", '{"text": "hello"}')
    assert told.startswith("Untrusted material from a program outside")
    assert "\necho of hello\n" in told


@pytest.mark.parametrize(
    ("tools", "words"),
    [([a_tool("one"), a_tool("two")], "There are: one, two."), ([], "There are: none.")],
    ids=["some", "none"],
)
async def test_an_unknown_tool_is_told(tools: list[Tool], words: str) -> None:
    assert await call(tools, "<untrusted>", "{}") == f"There is no tool of that name. {words}"


async def test_broken_arguments_are_told() -> None:
    assert (await call([a_tool("echo")], "echo", "{")).startswith(
        "echo was not called: its arguments are broken JSON"
    )


async def test_a_tool_s_own_words_are_told_as_they_are() -> None:
    async def run(_: Mapping[str, Any]) -> str:
        raise ToolError("the search failed: no.")

    assert await call([a_tool("search", run)], "search", "{}") == "the search failed: no."


@pytest.mark.parametrize("kind", [ValueError, KeyError, RuntimeError, ExceptionGroup])
async def test_an_error_nobody_thought_of_is_told_by_its_name_only(
    caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    async def run(_: Mapping[str, Any]) -> str:
        raise kind("header 'Bearer a-key'", *([[ValueError()]] if kind is ExceptionGroup else []))

    assert await call([a_tool("search", run)], "search", "{}") == f"search failed: {kind.__name__}."
    assert "a-key" not in caplog.text
    assert [record.__dict__["error"] for record in caplog.records if record.levelname == "ERROR"] == [
        kind.__name__
    ]


@virtual
async def test_a_tool_that_never_returns_is_abandoned_in_time(looptime: float) -> None:
    ended: list[bool] = []

    async def run(_: Mapping[str, Any]) -> str:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)
        return "never"

    told = await call([a_tool("slow", run, timeout=7)], "slow", "{}")
    assert told == "slow was abandoned: it gave no answer within 7 s."
    assert looptime == 7
    assert ended == [True]


@virtual
async def test_a_tool_that_is_ready_just_in_time_is_heard(looptime: float) -> None:
    async def run(_: Mapping[str, Any]) -> str:
        await asyncio.sleep(6.9)
        return "just so"

    assert "just so" in await call([a_tool("slow", run, timeout=7)], "slow", "{}")
    assert looptime == 6.9


@virtual
async def test_a_tool_that_does_not_heed_its_end_is_left_behind(looptime: float) -> None:
    free = asyncio.Event()

    async def run(_: Mapping[str, Any]) -> str:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("too late for anyone")

    told = await call([a_tool("deaf", run, timeout=7)], "deaf", "{}")
    assert "was abandoned" in told
    assert looptime == pytest.approx(7.2)
    free.set()
    await asyncio.sleep(1)


async def test_a_client_that_blocks_a_thread_is_abandoned_in_time() -> None:
    free = threading.Event()

    async def run(_: Mapping[str, Any]) -> str:
        await asyncio.to_thread(free.wait)
        return "never"

    began = asyncio.get_running_loop().time()
    told = await call([a_tool("blocking", run, timeout=0.2)], "blocking", "{}")
    assert "it gave no answer within 0.2 s" in told
    assert asyncio.get_running_loop().time() - began < 4
    free.set()


@virtual
async def test_cancelling_a_call_cancels_its_tool(looptime: float) -> None:
    ended: list[float] = []

    async def run(_: Mapping[str, Any]) -> str:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(asyncio.get_running_loop().time())
        return "never"

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await call([a_tool("slow", run)], "slow", "{}")
    assert ended == [3]
    assert looptime == 3


async def test_a_tool_that_cancels_itself_is_told() -> None:
    async def run(_: Mapping[str, Any]) -> str:
        raise asyncio.CancelledError

    assert "was abandoned" in await call([a_tool("odd", run)], "odd", "{}")


async def test_closing_waits_for_every_tool_and_may_be_done_twice() -> None:
    tools = [a_tool("one"), a_tool("two")]
    await aclose(tools)
    await aclose(tools)
