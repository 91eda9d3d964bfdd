"""Many streams as one."""

from __future__ import annotations

import pytest

from llm.chunks import Chunk, delta_of, tool_calls_of
from llm.tools.joining import Joined
from tests.llm.tools.scripted import CALLS, STOP, calling, chunk, finishes, piece, said, words

CALL = calling(piece(0, "a", "one", "{}"))


def joined(*rounds: list[Chunk], may_call_last: bool = True) -> list[Chunk]:
    """What the caller sees of them."""
    join = Joined()
    seen = []
    for number, chunks in enumerate(rounds, 1):
        join.begin(may_call=may_call_last or number < len(rounds))
        seen += [shown for each in chunks if (shown := join.take(each))]
    end = join.finish()
    return [*seen, end] if end else seen


def roles(chunks: list[Chunk]) -> list[str | None]:
    return [delta_of(each).get("role") for each in chunks]


def test_an_answer_without_calls_is_passed_on() -> None:
    chunks = [*words("Good ", "day."), STOP]
    assert joined(chunks) == chunks


def test_calls_are_not_seen_and_there_is_one_finish() -> None:
    seen = joined([CALL, CALLS], [*words("Open."), STOP])
    assert said(seen) == "Open."
    assert finishes(seen) == ["stop"]
    assert not any(tool_calls_of(each) for each in seen)


def test_words_beside_a_call_are_seen() -> None:
    both = chunk({"content": "Let me see.", "tool_calls": [piece(0, "a", "one", "{}")]})
    seen = joined([both, CALLS], [*words("Open."), STOP])
    assert said(seen) == "Let me see.\n\nOpen."


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (["Let me see."], ["It ", "is open."], "Let me see.\n\nIt is open."),
        (["Let me see.\n"], ["\nOpen."], "Let me see.\n\n\nOpen."),
        ([" "], ["Open."], " Open."),
        ([], ["Open."], "Open."),
    ],
    ids=["words", "line ends", "a space", "nothing"],
)
def test_what_is_said_before_and_after_a_call_is_kept_apart(
    before: list[str], after: list[str], text: str
) -> None:
    assert said(joined([*words(*before), CALL, CALLS], [*words(*after), STOP])) == text


def test_id_and_role_are_told_once() -> None:
    first = [chunk({"role": "assistant", "content": "Wait."}, id="x"), CALL, CALLS]
    second = [
        chunk({"role": "assistant", "content": "Open."}, id="y"),
        chunk({"content": "!"}, id="y"),
        chunk(finish="stop", id="y"),
    ]
    seen = joined(first, second)
    assert {each["id"] for each in seen} == {"x"}
    assert roles(seen) == ["assistant", None, None, None]


def test_a_role_that_came_with_a_call_is_told_with_it() -> None:
    first = [chunk({"role": "assistant", "content": None, "tool_calls": [piece(0, "a", "one", "{}")]}), CALLS]
    seen = joined(first, [chunk({"role": "assistant", "content": "Open."}), STOP])
    assert roles(seen) == ["assistant", None, None]
    assert "tool_calls" not in seen[0]["choices"][0]["delta"]


def test_tokens_of_all_rounds_are_summed() -> None:
    first = [CALL, CALLS, chunk(usage=(10, 2))]
    second = [chunk({"content": "Open."}, usage=None), STOP, chunk(usage=(20, 3))]
    seen = joined(first, second)
    [usage] = [each["usage"] for each in seen if "usage" in each]
    assert usage == {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35}
    assert seen[-1]["choices"] == []


def test_a_finish_with_calls_under_another_name_is_none() -> None:
    seen = joined([CALL, STOP], [*words("Open."), chunk(finish="length")])
    assert finishes(seen) == ["length"]


def test_calls_where_none_may_be_are_dropped() -> None:
    seen = joined([CALL, CALLS], [*words("Well."), CALL, CALLS], may_call_last=False)
    assert said(seen) == "Well."
    assert finishes(seen) == ["stop"]


def test_an_answer_that_does_not_end_is_ended() -> None:
    assert finishes(joined(words("Open."))) == ["stop"]
    assert joined([]) == []


def test_a_second_finish_is_not_seen() -> None:
    assert finishes(joined([*words("Open."), STOP, STOP])) == ["stop"]


def test_thoughts_are_seen() -> None:
    thought = chunk({"reasoning_content": "Hm."})
    assert joined([thought, *words("Open."), STOP])[0] == thought


@pytest.mark.parametrize(
    "odd",
    [{}, {"choices": None}, {"choices": [3]}, {"choices": [{"delta": "x"}]}, {"choices": [], "usage": 5}],
    ids=repr,
)
def test_a_chunk_that_says_nothing_is_not_seen(odd: Chunk) -> None:
    assert said(joined([odd, *words("Open."), STOP])) == "Open."
    assert len(joined([odd, *words("Open."), STOP])) == 2


def test_fields_that_nobody_knows_are_kept() -> None:
    told = chunk({"content": "Open.", "mood": "good"}) | {"system_fingerprint": "fp"}
    assert joined([told, STOP])[0] == told
