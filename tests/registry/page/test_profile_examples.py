"""Examples as people type them."""

from __future__ import annotations

import pytest

from registry.page.profile_examples import ExamplesError, examples_text, parse_examples
from wire import DEFAULT_PROFILE


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("", []),
        ("\n \n", []),
        ("a\n> b", [("a", "b")]),
        ("a\n>b\n\n\nc\n  > d  \n", [("a", "b"), ("c", "d")]),
        ("one\ntwo\n> three\n> four\nfive\n> six", [("one\ntwo", "three\nfour"), ("five", "six")]),
        ("a\n> > b", [("a", "> b")]),
    ],
)
def test_turns_are_read(text: str, turns: list[tuple[str, str]]) -> None:
    assert parse_examples(text) == turns


@pytest.mark.parametrize(
    ("text", "words"),
    [("> b", "Line 1 is an answer"), ("a", "“a” has no answer"), ("a\n> b\nc", "“c” has no answer")],
)
def test_half_a_pair_is_wrong_at_its_place(text: str, words: str) -> None:
    with pytest.raises(ExamplesError, match=words):
        parse_examples(text)


def test_they_come_back_as_they_were() -> None:
    assert tuple(parse_examples(examples_text(DEFAULT_PROFILE.examples))) == DEFAULT_PROFILE.examples
