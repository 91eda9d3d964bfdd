"""A plugin's model that is asked before all others: it answers, or is left in time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from livekit.agents import APIConnectionError, APIStatusError, llm

from llm.errors import BadRequestError
from session.fallbacks import Fallbacks
from session.first_model import REST, FirstModel
from tests.session import acme_plugin
from tests.session.acme_plugin import Step

pytestmark = pytest.mark.looptime


class Asked:
    """One question to a model of these steps, with 3 s for its first word, 5 s between two and 20 s in all."""

    def __init__(self, *steps: Step) -> None:
        self.plugin = acme_plugin.LLM()
        self.plugin.steps = steps
        self.fallbacks = Fallbacks()
        self.model = FirstModel(
            self.plugin, name="acme", first_word=3.0, between=5.0, total=20.0, fallbacks=self.fallbacks
        )
        self.pieces: list[str] = []

    async def ask(self) -> bool:
        return await self.model.answer(self._put, chat_ctx=llm.ChatContext.empty(), tools=[])

    def _put(self, chunk: llm.ChatChunk) -> None:
        if chunk.delta is not None:
            self.pieces.append(chunk.delta.content or "")


async def test_its_answer_is_passed_on(looptime: float) -> None:
    asked = Asked(2.9, "", "Hello ", 4.9, "Ann.")
    assert await asked.ask()
    assert "".join(asked.pieces) == "Hello Ann."
    assert looptime == pytest.approx(7.8)
    assert asked.fallbacks.texts == ()
    assert not asked.model.is_resting


@pytest.mark.parametrize(
    ("steps", "seconds", "why"),
    [
        pytest.param((3.1, "Late."), 3.0, "no first word in time", id="late"),
        pytest.param(("", 3.1, "Late."), 3.0, "no first word in time", id="a role is no word"),
        pytest.param((APIStatusError("no", status_code=401),), 0.0, "APIStatusError", id="no key"),
        pytest.param((1.0, KeyError("sesame")), 1.0, "KeyError", id="broken plugin"),
        pytest.param((), 0.0, "its answer is empty", id="empty"),
    ],
)
async def test_another_one_is_asked_when_it_does_not_answer(
    steps: Sequence[Step], seconds: float, why: str, looptime: float, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked(*steps)
    assert not await asked.ask()
    assert asked.pieces == []
    assert looptime == pytest.approx(seconds)
    assert asked.fallbacks.texts == (f"llm: acme does not answer ({why}); another language model does",)
    assert asked.model.is_resting
    told = [record.__dict__ for record in caplog.records if record.name == "session.fallbacks"]
    assert len(told) == 1
    assert "sesame" not in str(told)


async def test_after_a_failure_it_rests(looptime: float) -> None:
    asked = Asked(APIConnectionError("gone"))
    await asked.ask()
    await asyncio.sleep(REST - 0.001)
    assert asked.model.is_resting
    await asyncio.sleep(0.001)
    assert not asked.model.is_resting
    await asked.ask()
    assert len(asked.fallbacks.texts) == 1, "said once"


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        pytest.param(("Hello ", APIConnectionError("gone")), 0.0, id="broken off"),
        pytest.param(("Hello ", 5.1, "Ann."), 5.0, id="silent"),
        pytest.param((*["word "] * 1, *[4.0, "word "] * 6), 20.0, id="too long"),
    ],
)
async def test_nobody_else_is_asked_in_the_middle_of_an_answer(
    steps: Sequence[Step], seconds: float, looptime: float
) -> None:
    asked = Asked(*steps)
    with pytest.raises(APIConnectionError, match="broke off") as raised:
        await asked.ask()
    assert not raised.value.retryable
    assert asked.pieces
    assert looptime == pytest.approx(seconds)
    assert asked.model.is_resting, "the next turn would break off likewise"
    assert asked.fallbacks.texts == (
        "llm: acme does not answer (its answer broke off); another language model does",
    )


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_a_refusal_of_the_question_is_no_failure_of_the_model(status: int) -> None:
    asked = Asked(APIStatusError("my card is 4111", status_code=status))
    with pytest.raises(BadRequestError) as raised:
        await asked.ask()
    assert raised.value.status == status
    assert "4111" not in str(raised.value)
    assert not asked.model.is_resting
    assert asked.fallbacks.texts == ()
    asked.model.refused(status)
    assert asked.model.is_resting
    assert asked.fallbacks.texts == (
        f"llm: acme does not answer (HTTP {status}); another language model does",
    )


async def test_what_was_told_is_taken_back_when_it_answers() -> None:
    asked = Asked(APIConnectionError("gone"))
    told: list[tuple[str, ...]] = []
    asked.fallbacks.on_change = lambda: told.append(asked.fallbacks.texts)
    await asked.ask()
    asked.plugin.steps = ()
    await asked.ask()
    assert [len(texts) for texts in told] == [1, 0, 1], "it fails otherwise now"
    asked.plugin.steps = ("Hello.",)
    assert await asked.ask()
    assert asked.fallbacks.texts == ()
    assert not asked.model.is_resting
    await asked.ask()
    assert len(told) == 4
