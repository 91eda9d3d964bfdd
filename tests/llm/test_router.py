"""Whom a request reaches, and when it goes on to the next: in virtual time, with servers that are no servers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from llm.chunks import Chunk, tool_calls_of
from llm.errors import BrokenStreamError, NoModelError
from llm.health import Met, Outcome, State
from llm.outcomes import AskingError, failed
from llm.requests import ChatRequest
from llm.router import MODELS_TIMEOUT
from tests.llm.router_stage import RouterStage, now
from tests.llm.stage import (
    FAR_AWAY,
    HELLO,
    USAGE,
    Play,
    answers,
    end,
    endpoint,
    fails,
    hangs,
    lists,
    missing,
    piece,
    plays,
    role,
    word,
)

pytestmark = pytest.mark.looptime


def repeats(chunk: Chunk) -> Play:
    """Twice a second."""
    steps: list[Chunk | float] = [chunk, 0.5]
    return plays(*steps * 99)


# -- one that answers


async def test_a_good_answer_is_given_as_it_comes(looptime: float) -> None:
    stage = RouterStage(plays(0.5, role(), 0.5, word("Good "), 2, word("day"), end(), USAGE))
    moments: list[tuple[float, Chunk]] = []
    async for chunk in stage.router.stream(HELLO):
        moments.append((looptime + 0, chunk))
    assert moments == [(1, role()), (1, word("Good ")), (3, word("day")), (3, end()), (3, USAGE)]
    assert stage.state("a") is State.HEALTHY
    assert list(stage.member("a").first_words) == [1]
    assert stage.transport.n_open == 0


async def test_of_what_comes_before_the_first_word_one_role_and_the_counts_are_kept() -> None:
    stage = RouterStage(plays(role(), USAGE, role(), role(), word("Hi"), end()))
    assert [chunk async for chunk in stage.router.stream(HELLO)] == [role(), word("Hi"), end()]
    stage = RouterStage(plays(role(), USAGE, word("Hi"), end()))
    assert [chunk async for chunk in stage.router.stream(HELLO)] == [role(), USAGE, word("Hi"), end()]


async def test_who_asks_is_told_who_answers_before_the_first_word() -> None:
    told: list[tuple[str, str]] = []
    stage = RouterStage(fails(), answers(), endpoints=(endpoint("a"), endpoint("b", models=("m", "x"))))
    request = ChatRequest(messages=HELLO.messages, model="x", on_begin=lambda *names: told.append(names))
    async for _ in stage.router.stream(request):
        assert told == [("b", "x")]


async def test_the_endpoint_that_a_request_prefers_is_asked_first_and_left_as_any_other() -> None:
    stage = RouterStage(answers(), fails(), endpoints=(endpoint("a"), endpoint("b")))
    await stage.ask(ChatRequest(messages=HELLO.messages, prefer="b"))
    assert [name for name, _ in stage.transport.asked] == ["b", "a"]


async def test_what_is_asked_is_sent_as_it_is() -> None:
    stage = RouterStage(answers())
    await stage.ask(
        ChatRequest(messages=HELLO.messages, options={"temperature": 0, "max_completion_tokens": 5})
    )
    assert stage.transport.bodies == [
        {"model": "m", "messages": HELLO.messages, "temperature": 0, "max_completion_tokens": 5}
    ]


async def test_the_limit_has_its_older_name_for_all_but_openai() -> None:
    stage = RouterStage(answers(), endpoints=(endpoint("a", kind="vllm"),))
    await stage.ask(ChatRequest(messages=HELLO.messages, options={"max_completion_tokens": 5}))
    assert stage.transport.bodies[0]["max_tokens"] == 5
    assert "max_completion_tokens" not in stage.transport.bodies[0]


async def test_a_turn_of_tool_calls_only_is_an_answer() -> None:
    call = piece(tool_calls=[{"index": 0, "function": {"name": "look"}}])
    stage = RouterStage(plays(role(), call, end("tool_calls")), answers())
    chunks = [chunk async for chunk in stage.router.stream(HELLO)]
    assert [tool_calls_of(chunk) for chunk in chunks if tool_calls_of(chunk)] == [tool_calls_of(call)]
    assert stage.transport.asked == [("a", "m")]
    assert stage.state("a") is State.HEALTHY


@pytest.mark.parametrize(
    "only",
    [end(), piece("stop", role="assistant", content=""), piece(reasoning_content="Hm"), piece(refusal="No")],
)
async def test_an_end_a_thought_and_a_refusal_are_answers(only: Chunk) -> None:
    stage = RouterStage(plays(only, end()), answers())
    await stage.ask()
    assert stage.transport.asked == [("a", "m")]
    assert stage.state("a") is State.HEALTHY


async def test_an_answer_with_an_end_and_without_more_is_whole(looptime: float) -> None:
    stage = RouterStage(plays(word("Hi"), end(), FAR_AWAY))
    assert await stage.ask() == "Hi"
    assert looptime == 1, "the count of tokens might have come"
    assert stage.state("a") is State.HEALTHY


async def test_what_breaks_after_the_end_breaks_nothing() -> None:
    stage = RouterStage(plays(word("Hi"), end(), failed("the connection broke")))
    assert await stage.ask() == "Hi"
    assert stage.state("a") is State.HEALTHY


# -- one that does not


@pytest.mark.parametrize(
    ("first", "takes", "state"),
    [
        pytest.param(hangs(), 3, State.FAILING, id="says nothing"),
        pytest.param(repeats(role()), 3, State.FAILING, id="only roles"),
        pytest.param(repeats(piece(content="")), 3, State.FAILING, id="only empty words"),
        pytest.param(repeats(USAGE), 3, State.FAILING, id="only counts"),
        pytest.param(answers(first=3), 3, State.FAILING, id="at the limit"),
        pytest.param(fails(), 0, State.FAILING, id="cannot be reached"),
        pytest.param(plays(role(), 1, failed("broke")), 1, State.FAILING, id="breaks after the role"),
        pytest.param(plays(), 0, State.FAILING, id="says nothing and ends"),
        pytest.param(plays(role()), 0, State.FAILING, id="the role and the end"),
        pytest.param(
            plays(AskingError(Outcome(met=Met.LOADING, reason="loads"))),
            0,
            State.WARMING,
            id="loads its model",
        ),
        pytest.param(
            plays(AskingError(Outcome(met=Met.RATE_LIMITED, reason="429"))), 0, State.RATE_LIMITED, id="429"
        ),
        pytest.param(plays(AskingError(Outcome(met=Met.BUSY, reason="529"))), 0, State.BUSY, id="529"),
        pytest.param(plays(missing("m")), 0, State.MISCONFIGURED, id="has no such model"),
    ],
)
async def test_the_next_one_answers(first: Play, takes: float, state: State, looptime: float) -> None:
    stage = RouterStage(first, answers("the second"))
    stage.breaks("a", Met.ANSWERED)
    assert await stage.ask() == "the second "
    assert looptime == takes
    assert stage.state("a") is state
    assert [name for name, _ in stage.transport.asked] == ["a", "b"]
    assert stage.transport.n_open == 0
    assert next((each.source, each.target) for each in stage.pool.switches()) == ("a", "b")

    assert await stage.ask() == "the second "
    assert looptime == takes, "who is known to be broken costs nothing"
    assert [name for name, _ in stage.transport.asked] == ["a", "b", "b"]


async def test_just_in_time_is_in_time(looptime: float) -> None:
    stage = RouterStage(answers("the first", first=2.99), answers())
    assert await stage.ask() == "the first "
    assert looptime == 2.99


async def test_who_was_too_busy_to_listen_blames_nobody() -> None:
    stage = RouterStage(hangs(), answers("the second"))
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(1)
    stage.late = 5.0  # the loop stood still
    assert await asking == "the second "
    assert stage.state("a") is State.UNKNOWN


async def test_with_nobody_else_it_gets_more_time(looptime: float) -> None:
    stage = RouterStage(answers("late", first=7.9))
    assert await stage.ask() == "late "
    assert looptime == 7.9


async def test_with_nobody_else_it_gets_no_time_without_end(looptime: float) -> None:
    stage = RouterStage(hangs())
    with pytest.raises(NoModelError, match="a: no first word in 8 s"):
        await stage.ask()
    assert looptime == 8


async def test_the_last_one_that_is_left_is_alone(looptime: float) -> None:
    stage = RouterStage(hangs(), answers("slow", first=7))
    assert await stage.ask() == "slow "
    assert looptime == 3 + 7


async def test_patience_is_for_one_that_may_well_answer(looptime: float) -> None:
    stage = RouterStage(hangs(), hangs())
    stage.breaks("b", Met.LOADING)
    await asyncio.sleep(2)
    with pytest.raises(NoModelError, match="a: no first word in 8 s; b: no first word in 3 s"):
        await stage.ask()
    assert looptime == 2 + 8 + 3


async def test_all_are_tried_and_their_reasons_told(looptime: float) -> None:
    stage = RouterStage(fails("no such host"), hangs(), plays(), answers())
    stage.breaks("d", Met.MISCONFIGURED, reason="the key is refused")
    with pytest.raises(NoModelError) as caught:
        await stage.ask()
    assert caught.value.reasons == {
        "a": "no such host",
        "b": "no first word in 3 s",
        "c": "the answer is empty",
        "d": "the key is refused",
    }
    assert looptime == 3
    assert "d: the key is refused" in str(caught.value)


async def test_who_wants_peace_or_has_to_be_mended_is_not_asked_before_its_time(looptime: float) -> None:
    stage = RouterStage(answers(), answers())
    stage.breaks("a", Met.RATE_LIMITED, reason="too many requests")
    stage.breaks("b", Met.MISCONFIGURED, reason="the key is refused")
    with pytest.raises(NoModelError) as caught:
        await stage.ask()
    assert caught.value.reasons == {"a": "too many requests", "b": "the key is refused"}
    assert (looptime, stage.transport.asked) == (0, [])


async def test_without_endpoints_it_is_told_at_once(looptime: float) -> None:
    stage = RouterStage()
    with pytest.raises(NoModelError, match="no language model is known"):
        await stage.ask()
    assert looptime == 0


async def test_a_broken_one_is_tried_again_when_its_time_has_come(looptime: float) -> None:
    stage = RouterStage(answers("again"))
    stage.breaks("a")
    await asyncio.sleep(2)
    assert await stage.ask() == "again "
    assert stage.state("a") is State.HEALTHY


async def test_of_many_only_one_tries_a_broken_one() -> None:
    stage = RouterStage(answers("again", first=1))
    stage.breaks("a")
    await asyncio.sleep(2)
    told = await asyncio.gather(*(stage.ask() for _ in range(20)), return_exceptions=True)
    assert told[0] == "again "
    assert all(isinstance(each, NoModelError) for each in told[1:])
    assert len(stage.transport.asked) == 1


async def test_many_that_fail_together_do_not_bar_it_for_long() -> None:
    stage = RouterStage(plays(word("Hi"), 1, failed("the connection broke")))
    stage.breaks("a", Met.ANSWERED)
    told = await asyncio.gather(*(stage.ask() for _ in range(200)), return_exceptions=True)
    assert all(isinstance(each, BrokenStreamError) for each in told)
    assert stage.member("a").health.retry_at - now() == 2, "as if one had failed"


# -- models


async def test_a_wanted_model_that_is_listed_is_asked() -> None:
    stage = RouterStage(answers(), endpoints=(endpoint("a", models=("m", "x")),))
    await stage.ask(replace(HELLO, model="x"))
    await stage.ask(replace(HELLO, model="unheard of"))
    assert stage.transport.asked == [("a", "x"), ("a", "m")]


@pytest.mark.parametrize("models", [(), ("m", "x")], ids=["not told", "told and yet missing"])
async def test_a_wanted_model_that_is_missing_is_replaced_and_remembered(models: tuple[str, ...]) -> None:
    stage = RouterStage(lacking("x"), endpoints=(endpoint("a", model="m", models=models),))
    for _ in range(2):
        assert await stage.ask(replace(HELLO, model="x")) == "Good day "
    assert stage.transport.asked == [("a", "x"), ("a", "m"), ("a", "m")]
    assert stage.state("a") is State.HEALTHY


async def test_where_nothing_is_known_the_list_is_asked_for_another_model() -> None:
    stage = RouterStage(lacking("x"), endpoints=(endpoint("a", models=()),))
    stage.transport.lists["a"] = lists("own", "other")
    assert await stage.ask(replace(HELLO, model="x")) == "Good day "
    assert (stage.transport.asked, stage.transport.listed) == ([("a", "x"), ("a", "own")], ["a"])
    assert stage.state("a") is State.HEALTHY


async def test_a_missing_model_of_its_own_is_its_fault() -> None:
    stage = RouterStage(
        lacking("m"), answers("the second"), endpoints=(endpoint("a", model="m"), endpoint("b"))
    )
    assert await stage.ask(replace(HELLO, model="m")) == "the second "
    assert stage.state("a") is State.MISCONFIGURED
    assert [name for name, _ in stage.transport.asked] == ["a", "b"]


async def test_one_that_lists_a_model_that_it_does_not_have_is_asked_for_it_once() -> None:
    stage = RouterStage(
        lacking("x"), answers("the second"), endpoints=(endpoint("a", models=("x",)), endpoint("b"))
    )
    assert await stage.ask(replace(HELLO, model="x")) == "the second "
    assert stage.transport.asked == [("a", "x"), ("b", "m")]


async def test_the_other_model_has_what_is_left_of_the_time(looptime: float) -> None:
    stage = RouterStage(
        lacking("x", after=2, then=2),
        answers("the second"),
        endpoints=(endpoint("a", models=()), endpoint("b")),
    )
    stage.transport.lists["a"] = lists("own")
    assert await stage.ask(replace(HELLO, model="x")) == "the second "
    assert looptime == 3


async def test_the_list_is_asked_once_where_no_model_is_named() -> None:
    stage = RouterStage(answers(), endpoints=(endpoint("a", models=()),))
    stage.transport.lists["a"] = lists("own", "other")
    for _ in range(2):
        await stage.ask()
    assert (stage.transport.asked, stage.transport.listed) == ([("a", "own")] * 2, ["a"])


async def test_one_that_names_no_model_has_to_be_told_one() -> None:
    stage = RouterStage(answers(), endpoints=(endpoint("a", models=()),))
    stage.transport.lists["a"] = lists()
    with pytest.raises(NoModelError, match="lists no model; name one"):
        await stage.ask()
    assert stage.state("a") is State.MISCONFIGURED


async def test_a_list_that_does_not_come_is_a_failure(looptime: float) -> None:
    stage = RouterStage(answers(), answers("the second"), endpoints=(endpoint("a", models=()), endpoint("b")))
    stage.transport.lists["a"] = lists("own", after=FAR_AWAY)
    assert await stage.ask() == "the second "
    assert looptime == MODELS_TIMEOUT


def lacking(model: str, *, after: float = 0.0, then: float = 0.0) -> Play:
    """Has any model but this one, and takes its time."""
    good, bad = answers(first=then), plays(after, missing(model))
    return lambda body: (bad if body["model"] == model else good)(body)
