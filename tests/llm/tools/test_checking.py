"""Arguments as models write them."""

from __future__ import annotations

from typing import Any

import pytest

from llm.tools import Tool, ToolError
from llm.tools.checking import arguments_of
from tests.llm.tools.tools import a_tool

KINDS = {
    "text": {"type": "string", "minLength": 1, "maxLength": 5},
    "number": {"type": "integer"},
    "share": {"type": "number"},
    "is_new": {"type": "boolean"},
    "sort": {"type": "string", "enum": ["up", "down"]},
}


@pytest.fixture
def tool() -> Tool:
    return a_tool("look", parameters={"type": "object", "properties": KINDS, "required": ["text"]})


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ('{"text": "hello"}', {"text": "hello"}),
        ('{"text": "a", "number": 3, "share": 2}', {"text": "a", "number": 3, "share": 2}),
        ('{"text": "a", "share": 0.5, "is_new": true}', {"text": "a", "share": 0.5, "is_new": True}),
        ('{"text": "a", "further": [1]}', {"text": "a"}),
        ('{"text": "a", "sort": "up"}', {"text": "a", "sort": "up"}),
        ('{"text": "\\ud83d\\ude00"}', {"text": "😀"}),
    ],
    ids=["one", "numbers", "other kinds", "one too many", "of a list", "pair of surrogates"],
)  # fmt: skip
def test_good_arguments_are_taken(tool: Tool, given: str, taken: dict[str, Any]) -> None:
    assert arguments_of(tool, given) == taken


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "text is missing"),
        ("{}", "text is missing"),
        ('{"query": "a"}', "text is missing"),
        ('{"text": "a"', "are broken JSON"),
        ("text", "are broken JSON"),
        ("[" * 100_000, "are broken JSON"),
        ('{"text": ' + "9" * 10_000 + "}", "are broken JSON"),
        ('["a"]', "are no JSON object"),
        ('"text"', "are no JSON object"),
        ("null", "are no JSON object"),
        ('{"text": 5}', "text must be of type string"),
        ('{"text": null}', "text must be of type string"),
        ('{"text": "a", "number": "3"}', "number must be of type integer"),
        ('{"text": "a", "number": true}', "number must be of type integer"),
        ('{"text": "a", "is_new": 1}', "is_new must be of type boolean"),
        ('{"text": "a", "sort": "left"}', "sort must be one of up, down"),
        ('{"text": " "}', "text is empty"),
        ('{"text": "123456"}', "text is 6 characters; 5 is the limit"),
        ('{"text": "\\ud83d"}', "text holds a character that is none"),
        ('{"text": "' + "a" * 200_000 + '"}', "its arguments are 200,012 characters; 200,000 is the limit"),
    ],
    ids=lambda value: value[:24],
)
def test_wrong_arguments_are_told_in_words(tool: Tool, given: str, words: str) -> None:
    with pytest.raises(ToolError, match="look was not called") as raised:
        arguments_of(tool, given)
    assert words in str(raised.value)
    assert 'Call it with {"text": <string>, "number": <integer>' in str(raised.value)
