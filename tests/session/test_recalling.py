"""Going on with another agent's conversation."""

from __future__ import annotations

import logging

import pytest
from livekit.agents import llm

from session.recalling import MOST_CHARACTERS, recall, with_turns
from session.registry_api import RegistryApi
from tests.session.fake_registry import serving
from tests.session.log_lines import actions
from wire import Turn


def turn(number: int, text: str, *, user: bool = True) -> Turn:
    return Turn(number=number, role="user" if user else "assistant", text=text)


def texts(context: llm.ChatContext) -> list[str | None]:
    return [item.text_content for item in context.items if isinstance(item, llm.ChatMessage)]


async def test_what_was_said_is_had() -> None:
    async with serving() as registry:
        registry.turns["old"] = (turn(0, "Hello.", user=False), turn(1, "Is there a pool?"))
        api = RegistryApi(registry.url)
        assert await recall(api, "old") == registry.turns["old"]
        await api.aclose()


async def test_what_cannot_be_had_is_nothing_and_told_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as registry:
        api = RegistryApi(registry.url)
        with caplog.at_level(logging.WARNING):
            assert await recall(api, "unknown") == ()
        await api.aclose()
    assert actions(caplog) == ["recall.failed"]
    assert await recall(None, "old") == ()


async def test_only_the_end_of_a_long_conversation_is_taken() -> None:
    async with serving() as registry:
        registry.turns["long"] = tuple(turn(number, "x" * 8_000) for number in range(10))
        registry.turns["many"] = tuple(turn(number, "x") for number in range(100))
        api = RegistryApi(registry.url)
        assert [one.number for one in await recall(api, "long")] == [7, 8, 9]
        assert [one.number for one in await recall(api, "many")] == list(range(60, 100))
        await api.aclose()
    assert MOST_CHARACTERS == 3 * 8_000


def test_earlier_turns_stand_before_what_has_been_said_since() -> None:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You are Ada.")
    example = context.add_message(role="assistant", content="An example.")
    context.add_message(role="user", content="Since then.")
    recalled = with_turns(context, [turn(0, "a"), turn(1, "b", user=False)], after=example.id)
    assert texts(recalled) == ["You are Ada.", "An example.", "a", "b", "Since then."]
    assert [item.role for item in recalled.items if isinstance(item, llm.ChatMessage)][2:4] == [
        "user",
        "assistant",
    ]
    assert len(context.items) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [(["system", "user"], ["system", "a", "user"]), (["user"], ["a", "user"]), ([], ["a"])],
    ids=["behind the instructions", "first", "alone"],
)
def test_without_examples_earlier_turns_come_first(before: list[llm.ChatRole], after: list[str]) -> None:
    context = llm.ChatContext.empty()
    for role in before:
        context.add_message(role=role, content=role)
    assert texts(with_turns(context, [turn(0, "a")], after=None)) == after
