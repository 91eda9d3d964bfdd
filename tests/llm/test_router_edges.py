"""Servers that answer badly in every way there is, over real connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from llm.chunks import finish_of, text_of, tool_calls_of
from llm.errors import BadRequestError, BrokenStreamError, LlmError, NoModelError
from llm.health import State
from llm.models import EndpointView, Models
from llm.requests import ChatRequest
from stack.llm_stub import Behaviour, LlmStub
from stack.until import until
from tests.llm.serving import Servers
from tests.llm.stage import HELLO, KEY, models_of, said

BUDGET = 0.3
MARGIN = 2.0
"""Seconds that a busy machine may take. Without a limit most of these would take for ever."""

GIVE_WAY = {
    Behaviour.HANG: State.FAILING,
    Behaviour.SILENT: State.FAILING,
    Behaviour.KEEP_ALIVE: State.FAILING,
    Behaviour.DIES_EARLY: State.FAILING,
    Behaviour.UNAUTHORIZED: State.MISCONFIGURED,
    Behaviour.FORBIDDEN: State.MISCONFIGURED,
    Behaviour.MISSING: State.MISCONFIGURED,
    Behaviour.RATE_LIMITED: State.RATE_LIMITED,
    Behaviour.ERROR: State.FAILING,
    Behaviour.OVERLOADED: State.BUSY,
    Behaviour.LOADING: State.WARMING,
    Behaviour.SLOW_LOAD: State.FAILING,
    Behaviour.HTML: State.MISCONFIGURED,
    Behaviour.ERROR_BODY: State.FAILING,
    Behaviour.ERROR_IN_STREAM: State.FAILING,
    Behaviour.BROKEN_FRAMES: State.FAILING,
    Behaviour.EMPTY: State.FAILING,
}
"""What another one answers for, and what is known of the first then."""

ANSWER = {Behaviour.OK, Behaviour.TOOL_CALL, Behaviour.DIES, Behaviour.ENDLESS}
"""What begins well."""


@pytest.fixture
async def models(first: LlmStub, second: LlmStub) -> AsyncIterator[Models]:
    """Over both, with names that both serve, so that nothing has to be asked for."""
    urls = (f"{first.url}#stub", f"{second.url}#stub")
    async with models_of(llm_urls=urls, llm_total_timeout=1.0, llm_token_timeout=0.3) as models:
        yield models


def view(models: Models, number: int = 0) -> EndpointView:
    return models.views()[number]


def test_each_behaviour_is_one_or_the_other() -> None:
    assert GIVE_WAY.keys() | ANSWER == set(Behaviour)


@pytest.mark.parametrize(("behaviour", "state"), GIVE_WAY.items(), ids=[each.value for each in GIVE_WAY])
async def test_the_second_answers_in_time_and_then_at_once(
    behaviour: Behaviour, state: State, models: Models, first: LlmStub, second: LlmStub
) -> None:
    first.behaviour = behaviour
    began_at = time.monotonic()
    assert await said(models.stream(HELLO)) == "the second"
    assert time.monotonic() - began_at < BUDGET + MARGIN
    assert view(models).state is state
    assert view(models).reason
    assert (view(models, 1).state, view(models, 1).is_current) == (State.HEALTHY, True)

    n_asked = first.counts.total()
    assert await said(models.stream(HELLO)) == "the second"
    assert first.counts.total() == n_asked, "who is known to be broken is left alone"
    assert second.n_chats == 2


async def test_one_that_is_gone_is_noticed_at_once(models: Models, first: LlmStub) -> None:
    await first.stop()
    began_at = time.monotonic()
    assert await said(models.stream(HELLO)) == "the second"
    assert time.monotonic() - began_at < MARGIN
    assert view(models).reason == f"cannot connect to 127.0.0.1:{first.port}"


async def test_one_that_answers_is_asked_and_nobody_else(
    models: Models, first: LlmStub, second: LlmStub
) -> None:
    chunks = [chunk async for chunk in models.stream(HELLO)]
    assert "".join(map(text_of, chunks)) == "the first"
    assert [finish_of(chunk) for chunk in chunks if finish_of(chunk)] == ["stop"]
    assert (view(models).state, second.counts.total()) == (State.HEALTHY, 0)


async def test_a_turn_of_tool_calls_only_is_an_answer(
    models: Models, first: LlmStub, second: LlmStub
) -> None:
    first.behaviour = Behaviour.TOOL_CALL
    chunks = [chunk async for chunk in models.stream(HELLO)]
    assert [part["function"].get("name") for chunk in chunks for part in tool_calls_of(chunk)] == [
        "look_up",
        None,
    ]
    assert (view(models).state, second.counts.total()) == (State.HEALTHY, 0)


async def test_an_answer_that_dies_is_told_and_nobody_else_is_asked(
    models: Models, first: LlmStub, second: LlmStub
) -> None:
    first.behaviour = Behaviour.DIES
    with pytest.raises(BrokenStreamError, match=r"the connection broke|reset"):
        await said(models.stream(HELLO))
    assert (view(models).state, second.counts.total()) == (State.FAILING, 0)


async def test_an_answer_without_end_ends(models: Models, first: LlmStub, second: LlmStub) -> None:
    first.behaviour = Behaviour.ENDLESS
    with pytest.raises(BrokenStreamError, match="longer than 1 s"):
        await said(models.stream(HELLO))
    assert second.counts.total() == 0
    await until(lambda: first.n_left == 1, timeout=20, what="the server to notice")


async def test_silence_in_the_middle_ends_it(models: Models, first: LlmStub, second: LlmStub) -> None:
    first.gap = 60
    with pytest.raises(BrokenStreamError, match=r"silent for 0\.3 s"):
        await said(models.stream(HELLO))
    assert second.counts.total() == 0


async def test_who_stops_listening_is_let_go_upstream(models: Models, first: LlmStub) -> None:
    first.behaviour = Behaviour.ENDLESS
    async with aclosing(models.stream(HELLO)) as chunks:
        async for chunk in chunks:
            if text_of(chunk):
                break
    await until(lambda: first.n_left == 1, timeout=20, what="the server to notice")
    assert view(models).state is State.HEALTHY


async def test_who_goes_away_before_the_first_word_changes_nothing(first: LlmStub) -> None:
    first.behaviour = Behaviour.HANG
    async with models_of(llm_urls=f"{first.url}#stub") as models:
        asking = asyncio.create_task(said(models.stream(HELLO)))
        await until(lambda: first.n_chats == 1, timeout=20, what="the question")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert view(models).state is State.UNKNOWN
    await until(lambda: first.n_left == 1, timeout=20, what="the server to notice")


async def test_when_all_are_dead_it_is_told_with_reasons_and_then_at_once(
    models: Models, first: LlmStub, second: LlmStub
) -> None:
    first.behaviour, second.behaviour = Behaviour.HTML, Behaviour.UNAUTHORIZED
    for _ in range(2):
        began_at = time.monotonic()
        with pytest.raises(NoModelError) as caught:
            await said(models.stream(HELLO))
        assert time.monotonic() - began_at < MARGIN
        assert [reason[:20] for reason in caught.value.reasons.values()] == [
            "it answers HTML and ",
            "the key is refused (",
        ]
    assert (first.n_chats, second.n_chats) == (1, 1)
    assert models.current is None


async def test_with_nobody_else_it_may_take_its_time(second: LlmStub) -> None:
    second.delay = 2 * BUDGET
    async with models_of(second, llm_patience=3.0) as models:
        assert await said(models.stream(HELLO)) == "the second"


async def test_a_wanted_model_that_is_missing_is_replaced_and_remembered(servers: Servers) -> None:
    server = await servers.picky("own")
    async with models_of(llm_urls=f"{server.url}#own") as models:
        for _ in range(2):
            assert await said(models.stream(ChatRequest(messages=HELLO.messages, model="x"))) == "own here"
        assert server.asked_models == ["x", "own", "own"]
        assert view(models).state is State.HEALTHY


async def test_a_refused_request_goes_to_the_next(servers: Servers, second: LlmStub) -> None:
    server = await servers.refusing(400, "This model's context is 8192 tokens")
    async with models_of(llm_urls=(f"{server.url}#m", second.url)) as models:
        assert await said(models.stream(HELLO)) == "the second"
        assert view(models).state is State.UNKNOWN
        await second.stop()
        with pytest.raises(BadRequestError, match="context is 8192") as caught:
            await said(models.stream(HELLO))
        assert caught.value.status == 400


async def test_a_request_that_nobody_could_send_blames_nobody(models: Models, first: LlmStub) -> None:
    half = ChatRequest(messages=[{"role": "user", "content": "half of a pair: \ud83d"}])
    with pytest.raises(BadRequestError, match="not Unicode"):
        await said(models.stream(half))
    assert [each.state for each in models.views()] == [State.UNKNOWN] * 2
    assert await said(models.stream(HELLO)) == "the first"


async def test_no_error_holds_the_key(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    server = await servers.refusing(401, f"Incorrect API key: {KEY}. Keys begin with x")
    async with models_of(
        llm_urls=(), openai_base_url=server.url, openai_api_key=KEY, llm_model="m"
    ) as models:
        with pytest.raises(LlmError) as caught:
            await said(models.stream(HELLO))
        assert server.authorization == f"Bearer {KEY}"
        assert "the key is refused (HTTP 401)" in str(caught.value)
        told = (
            f"{caught.value!r} {caught.value.__cause__!r} {models.views()} {models.switches()} {caplog.text}"
        )
        assert KEY not in told


async def test_a_hedge_is_asked_and_the_loser_is_let_go(first: LlmStub, second: LlmStub) -> None:
    first.behaviour = Behaviour.HANG
    urls = (f"{first.url}#stub", f"{second.url}#stub")
    async with models_of(llm_urls=urls, llm_hedging=True, llm_first_token_timeout=2.0) as models:
        assert await said(models.stream(HELLO)) == "the second"
        assert view(models).state is State.UNKNOWN, "it is not to blame"
        await until(lambda: first.n_left == 1, timeout=20, what="the server to notice")
