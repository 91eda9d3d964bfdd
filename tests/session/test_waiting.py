"""A call without a language model: it says so, and answers when one is back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit.agents import APIConnectionError, llm

from llm.errors import NoModelError
from llm.health import State
from tests.session.box import Box

pytestmark = pytest.mark.looptime

TURN_OVER = 1.8
"""Seconds of silence after which no turn ends any more: the pipeline's longest pause, and a margin."""


async def waiting_call() -> Box:
    """A human has asked something, and no model was there."""
    box = Box(greeting="")
    await box.start()
    box.comes("ann", "PA_1")
    box.models.become(State.FAILING)
    box.session.fail(APIConnectionError("no language model answers now", retryable=False))
    return box


async def test_a_waiting_question_is_answered_when_a_model_is_back(looptime: float) -> None:
    box = await waiting_call()
    await asyncio.sleep(180)
    assert box.session.replies == []
    box.models.become(State.HEALTHY)
    assert len(box.session.replies) == 1
    box.models.become(State.FAILING)
    box.models.become(State.HEALTHY)
    assert len(box.session.replies) == 1, "it is answered once"


async def test_a_model_that_may_answer_is_enough(looptime: float) -> None:
    """A distant one is known to live, and nobody pays for a word to find out more."""
    box = await waiting_call()
    box.models.become(State.UNKNOWN)
    assert len(box.session.replies) == 1


async def test_the_human_speaks_first(looptime: float) -> None:
    box = await waiting_call()
    box.session.user("speaking")
    box.models.become(State.HEALTHY)
    await asyncio.sleep(2)
    assert box.session.replies == []
    box.session.user("listening")
    await asyncio.sleep(10)
    assert box.session.replies == [pytest.approx(2.5 + TURN_OVER, abs=0.01)], "it was a cough, and no turn"


async def test_what_the_human_says_meanwhile_becomes_a_turn_before_it(looptime: float) -> None:
    """With interruptions off, livekit-agents drops a turn that ends while the agent thinks or speaks."""
    box = await waiting_call()
    box.session.user("speaking")
    box.models.become(State.HEALTHY)
    await asyncio.sleep(1)
    box.session.user("listening")
    await asyncio.sleep(TURN_OVER - 0.1)
    assert box.session.replies == []
    box.session.add(llm.ChatMessage(role="user", content=["And a sauna?"]))
    box.session.state("thinking")
    await asyncio.sleep(1)
    box.session.state("speaking")
    box.conversation.answered()
    box.session.state("listening")
    await asyncio.sleep(60)
    assert box.session.replies == [], "the model has seen both questions"


async def test_a_model_that_is_back_in_the_pause_after_words_waits_for_their_end(looptime: float) -> None:
    box = await waiting_call()
    box.session.user("speaking")
    box.session.user("listening")
    await asyncio.sleep(1)
    box.models.become(State.HEALTHY)
    assert box.session.replies == []
    box.session.user("speaking")
    await asyncio.sleep(2)
    assert box.session.replies == [], "they went on"
    box.session.user("listening")
    await asyncio.sleep(1)
    box.session.hear("And a sauna?")
    await asyncio.sleep(60)
    assert box.session.replies == [pytest.approx(4.5 + TURN_OVER, abs=0.01)]


async def test_the_end_of_a_clip_is_not_the_end_of_a_turn(looptime: float) -> None:
    box = await waiting_call()
    box.session.user("speaking")
    box.session.user("listening")
    box.session.state("speaking")
    box.models.become(State.HEALTHY)
    await asyncio.sleep(1)
    box.session.state("listening")
    assert box.session.replies == []
    await asyncio.sleep(60)
    assert box.session.replies == [pytest.approx(0.5 + TURN_OVER, abs=0.01)]


async def test_a_clip_ends_first(looptime: float) -> None:
    box = await waiting_call()
    box.session.state("speaking")
    box.models.become(State.HEALTHY)
    assert box.session.replies == []
    box.session.state("listening")
    assert len(box.session.replies) == 1


async def test_a_question_that_was_answered_meanwhile_is_not_answered_again(looptime: float) -> None:
    box = await waiting_call()
    box.conversation.answered()
    box.models.become(State.HEALTHY)
    assert box.session.replies == []


async def test_half_a_sentence_is_no_answer(looptime: float) -> None:
    """The model died in the middle of it: that is said, and the question is asked again."""
    box = Box(greeting="")
    await box.start()
    box.comes("ann", "PA_1")
    box.session.add(llm.ChatMessage(role="user", content=["Is there a pool?"]))
    box.session.fail(APIConnectionError("broke off", retryable=False))
    box.session.add(llm.ChatMessage(role="assistant", content=["Yes, the"]))
    await asyncio.sleep(0.1)
    ((clip, _),) = box.session.said
    assert "cannot think" in clip
    assert box.conversation.trouble.failing
    await asyncio.sleep(10)
    assert box.session.replies == [pytest.approx(5.5, abs=0.1)]
    box.conversation.answered()
    assert box.conversation.trouble.failing == {}


async def test_a_model_that_fails_and_may_answer_is_asked_again_a_few_times(looptime: float) -> None:
    box = Box(greeting="")
    await box.start()
    box.comes("ann", "PA_1")
    for n_tries in range(1, 5):
        box.session.fail(APIConnectionError("none", retryable=False))
        await asyncio.sleep(60)
        assert len(box.session.replies) == min(n_tries, 3)
    box.session.add(llm.ChatMessage(role="user", content=["Hello?"]))
    box.session.fail(APIConnectionError("none", retryable=False))
    await asyncio.sleep(60)
    assert len(box.session.replies) == 4, "a new question has tries of its own"


async def test_nobody_there_needs_no_answer_until_somebody_is(looptime: float) -> None:
    box = await waiting_call()
    box.leaves("ann")
    box.models.become(State.HEALTHY)
    assert box.session.replies == []


async def test_a_clip_waits_only_while_the_human_may_go_on(looptime: float) -> None:
    """A reply is tried before a turn is over. Once it is over, nothing has to be waited for."""
    box = Box(greeting="")
    await box.start()
    box.comes("ann", "PA_1")
    error = APIConnectionError("none", retryable=False)
    box.session.fail(error)
    await asyncio.sleep(1)
    assert box.session.said == []
    box.session.add(llm.ChatMessage(role="user", content=["Is there a pool?"]))
    await asyncio.sleep(0.01)
    ((clip, said_at),) = box.session.said
    assert "cannot think" in clip
    assert said_at == pytest.approx(1.5, abs=0.05)


async def test_without_a_question_nothing_is_said(looptime: float) -> None:
    box = Box(greeting="")
    await box.start()
    box.comes("ann", "PA_1")
    box.models.become(State.FAILING)
    box.models.become(State.HEALTHY)
    assert box.session.replies == []


async def test_operators_read_why_no_model_answered(looptime: float) -> None:
    box = await waiting_call()
    error = APIConnectionError("all", retryable=False)
    error.__cause__ = NoModelError({"10.0.0.7:8000": "cannot connect to 10.0.0.7:8000"})
    box.session.fail(error)
    (told,) = box.conversation.trouble.failing.values()
    assert "10.0.0.7:8000: cannot connect" in told


async def test_the_models_are_closed_with_the_conversation(looptime: float) -> None:
    box = await waiting_call()

    async def aclose() -> None:
        """The pipeline and its sockets."""

    box.session.aclose = aclose  # type: ignore[attr-defined]
    box.conversation._http = cast(Any, SimpleNamespace(close=aclose))
    await box.conversation.stop()
    assert box.models.is_closed
    box.models.become(State.HEALTHY)
    assert box.session.replies == []
