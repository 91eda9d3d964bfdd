from __future__ import annotations

import pytest

from local_models.sentences import LONGEST, Sentences, split


def spoken(*texts: str) -> tuple[list[str], list[str]]:
    """What is given while the texts come, and at the flush."""
    sentences = Sentences()
    before = [sentence for text in texts for sentence in sentences.push(text)]
    return before, sentences.flush()


@pytest.mark.parametrize(
    ("texts", "before", "after"),
    [
        pytest.param(["Hello."], [], ["Hello."], id="nothing follows yet"),
        pytest.param(["Hello. "], ["Hello."], [], id="a blank follows"),
        pytest.param(["Hello ", "there. ", "How "], ["Hello there."], ["How"], id="word by word"),
        pytest.param(["One! Two? Three. "], ["One!", "Two?", "Three."], [], id="three at once"),
        pytest.param(["At 9.30 we open. "], ["At 9.30 we open."], [], id="a number"),
        pytest.param(["Mr. Bond met Dr. No. "], ["Mr. Bond met Dr. No."], [], id="abbreviations"),
        pytest.param(["One\nTwo\n"], ["One", "Two"], [], id="lines"),
        pytest.param(['"Hi." '], ['"Hi."'], [], id="a quote"),
        pytest.param(["", " ", "\n"], [], [], id="nothing"),
    ],
)
def test_sentences(texts: list[str], before: list[str], after: list[str]) -> None:
    assert spoken(*texts) == (before, after)


def test_a_flush_may_be_repeated() -> None:
    sentences = Sentences()
    sentences.push("Hello")
    assert sentences.flush() == ["Hello"]
    assert sentences.flush() == []


@pytest.mark.parametrize("text", ["word " * 300, "a" * 1_000, "one, two, three, " * 60])
def test_long_sentences_are_split_without_losing_a_letter(text: str) -> None:
    pieces = split(text)
    assert all(0 < len(piece) <= LONGEST for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
