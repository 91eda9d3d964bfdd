"""Pieces of an answer, and what they make together."""

from __future__ import annotations

import time
from typing import Any

import pytest

from llm.chunks import (
    Choices,
    Chunk,
    completion_of,
    delta_of,
    finish_of,
    says_something,
    text_chunk,
    text_of,
    tool_calls_of,
    usage_of,
)
from tests.llm.stage import USAGE, end, piece, role, word


def call(index: int | None, name: str = "", arguments: str = "", id: str | None = None) -> dict[str, Any]:
    part: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    if index is not None:
        part["index"] = index
    return part | ({"id": id} if id else {})


def numbered(number: int, finish: str | None = None) -> Chunk:
    return {"choices": [{"index": number, "delta": {"content": "x"}, "finish_reason": finish}]}


ODD: list[Chunk] = [
    {},
    {"choices": None},
    {"choices": []},
    {"choices": ["text"]},
    {"choices": [{}]},
    {"choices": [{"delta": None}]},
    {"choices": [{"delta": []}]},
    {"choices": [{"delta": {"content": None, "tool_calls": None}, "finish_reason": None}]},
    {"choices": [{"delta": {"content": 7, "tool_calls": [7]}, "finish_reason": 7}]},
    {"choices": [{"delta": {"content": ["a"], "tool_calls": {}}, "finish_reason": ""}]},
    {"choices": {"0": 1}, "usage": [1]},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_what_is_odd_says_nothing(odd: Chunk) -> None:
    assert (text_of(odd), tool_calls_of(odd), finish_of(odd), usage_of(odd)) == ("", [], None, None)
    assert not says_something(odd)
    assert completion_of([odd])["choices"][0]["message"]["content"] is None


def test_the_parts_of_a_chunk() -> None:
    assert text_of(word("Hi")) == "Hi"
    assert delta_of(role()) == {"role": "assistant", "content": ""}
    assert finish_of(end("length")) == "length"
    assert usage_of(USAGE) == {"total_tokens": 7}
    assert tool_calls_of(piece(tool_calls=[call(0, "look")])) == [call(0, "look")]


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        pytest.param(role(), False, id="role"),
        pytest.param(word(""), False, id="empty"),
        pytest.param(word(" "), True, id="a space"),
        pytest.param(word("Hi"), True, id="words"),
        pytest.param(piece(tool_calls=[call(0, "look")]), True, id="tool call"),
        pytest.param(piece(tool_calls=[]), False, id="no tool call"),
        pytest.param(piece(reasoning_content="Hm"), True, id="thought"),
        pytest.param(piece(reasoning="Hm"), True, id="thought, by its other name"),
        pytest.param(piece(reasoning=""), False, id="empty thought"),
        pytest.param(piece(refusal="I cannot"), True, id="refusal"),
        pytest.param(piece(refusal=None), False, id="no refusal"),
        pytest.param(USAGE, False, id="usage"),
    ],
)
def test_signs_of_life_are_told_from_words(chunk: Chunk, says: bool) -> None:
    assert says_something(chunk) is says


def test_a_chunk_of_ours_looks_like_the_others() -> None:
    like = {**word("Hi"), "system_fingerprint": "f", "usage": {"total_tokens": 1}}
    ours = text_chunk("Sorry", like=like)
    assert ours == {
        "id": "c",
        "model": "m",
        "system_fingerprint": "f",
        "choices": [{"index": 0, "delta": {"content": "Sorry"}, "finish_reason": None}],
    }
    assert text_of(like) == "Hi", "and the other one stays as it is"


def test_pieces_make_one_answer() -> None:
    assert completion_of([role(), word("Good "), word("day"), end("length"), USAGE]) == {
        "id": "c",
        "model": "m",
        "object": "chat.completion",
        "usage": {"total_tokens": 7},
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Good day"}, "finish_reason": "length"}
        ],
    }


def test_fields_that_nobody_knows_stay() -> None:
    assert completion_of([{**word("x"), "service_tier": "fast"}])["service_tier"] == "fast"


def test_tool_calls_are_put_together_by_their_index() -> None:
    whole = completion_of(
        [
            piece(tool_calls=[call(0, "first", id="a"), call(1, "second", id="b")]),
            piece(tool_calls=[call(0, arguments='{"x"'), call(1, arguments="{}")]),
            piece(tool_calls=[call(0, arguments=": 1}")]),
            end("tool_calls"),
        ]
    )
    choice = whole["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert choice["message"]["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "first", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "second", "arguments": "{}"}},
    ]


def test_a_part_of_a_tool_call_without_a_function_changes_nothing() -> None:
    whole = completion_of(
        [piece(tool_calls=[call(0, "look")]), piece(tool_calls=[{"index": 0, "function": None}])]
    )
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"] == {"name": "look", "arguments": ""}


def test_many_pieces_are_put_together_in_time() -> None:
    began_at = time.perf_counter()
    whole = completion_of(piece(content="word ", reasoning="hm ") for _ in range(100_000))
    assert time.perf_counter() - began_at < 4
    message = whole["choices"][0]["message"]
    assert (message["content"], message["reasoning"]) == ("word " * 100_000, "hm " * 100_000)


@pytest.mark.parametrize(
    ("chunks", "are_finished"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([word("x")], False, id="one that goes on"),
        pytest.param([word("x"), end()], True, id="one that ends"),
        pytest.param([word("x"), end(), USAGE], True, id="a count after it"),
        pytest.param([numbered(0), numbered(1), numbered(0, "stop")], False, id="one of two"),
        pytest.param([numbered(0, "stop"), numbered(1)], False, id="another one begins later"),
        pytest.param([numbered(1), numbered(0, "stop"), numbered(1, "length")], True, id="both"),
        pytest.param(ODD, False, id="odd ones"),
    ],
)
def test_an_answer_ends_with_the_last_of_its_choices(chunks: list[Chunk], are_finished: bool) -> None:
    choices = Choices()
    for chunk in chunks:
        choices.take(chunk)
    assert choices.are_finished is are_finished


def test_nothing_at_all_is_an_empty_answer() -> None:
    assert completion_of([])["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": None},
        "finish_reason": "stop",
    }
