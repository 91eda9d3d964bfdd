"""Calls from the pieces in which servers stream them."""

from __future__ import annotations

from typing import Any

import pytest

from llm.tool_calls import AskedCall, Assembly
from tests.llm.tools.scripted import piece


def assembled(*pieces: dict[str, Any]) -> list[tuple[str, str, str]]:
    assembly = Assembly("call_1")
    for each in pieces:
        assembly.add([each])
    return [(call.id, call.name, call.arguments) for call in assembly.calls]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([], []),
        (
            [piece(0, "a", "search", ""), piece(0, arguments='{"q'), piece(0, arguments='": 1}')],
            [("a", "search", '{"q": 1}')],
        ),
        (
            [piece(0, "a", "one", "{"), piece(1, "b", "two", "{"), piece(0, arguments="}"), piece(1, arguments="}")],
            [("a", "one", "{}"), ("b", "two", "{}")],
        ),
        (
            [piece(0, "a", "search", "{"), piece(0, "a", "search", "}")],
            [("a", "search", "{}")],
        ),
        (
            [piece(0, "a", "one", "{}"), piece(0, "b", "two", "{}")],
            [("a", "one", "{}"), ("b", "two", "{}")],
        ),
        (
            [piece(None, "a", "one", "{}"), piece(None, "b", "two", "{}")],
            [("a", "one", "{}"), ("b", "two", "{}")],
        ),
        (
            [piece(None, None, "one", "{}"), piece(None, None, "one", "{}")],
            [("call_1_0", "one", "{}"), ("call_1_1", "one", "{}")],
        ),
        ([piece(0, None, "one", "{"), piece(0, arguments="}")], [("call_1_0", "one", "{}")]),
        ([piece(0, "a")], [("a", "", "")]),
        (
            [{"index": [], "id": 5, "function": "x"}, {"function": {"name": 1, "arguments": {}}}],
            [("call_1_0", "", ""), ("call_1_1", "", "")],
        ),
    ],
    ids=["none", "in pieces", "interleaved", "id and name repeated", "all of index 0",
         "without an index", "without index and id", "without an id", "without a function", "nonsense"],
)  # fmt: skip
def test_pieces_make_calls(pieces: list[dict[str, Any]], calls: list[tuple[str, str, str]]) -> None:
    assert assembled(*pieces) == calls


def test_what_a_server_puts_beside_a_call_is_shown_to_it_again() -> None:
    assembly = Assembly("call_1")
    signature = {"google": {"thought_signature": "abc"}}
    assembly.add([{**piece(0, "a", "one", "{}"), "extra_content": signature}])
    assert assembly.calls[0].as_openai() == {
        "extra_content": signature,
        "id": "a",
        "type": "function",
        "function": {"name": "one", "arguments": "{}"},
    }


@pytest.mark.parametrize("arguments", ["", "{", "[]", '{"a": 1'])
def test_broken_arguments_are_not_shown_to_a_server_again(arguments: str) -> None:
    shown = AskedCall(id="a", name="one", arguments=arguments).as_openai()
    assert shown["function"] == {"name": "one", "arguments": "{}"}
