"""Texts that databases and pages can hold."""

from __future__ import annotations

import pytest

from heartbeat.texts import error_text, one_line, paragraphs


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        pytest.param("as it is", "as it is", "as it is", id="clean"),
        pytest.param("a\nb\tc", "a b c", "a\nb\tc", id="line ends"),
        pytest.param("a\x00\x1b\x85b", "a   b", "a   b", id="control characters"),
        pytest.param("a\ud83db", "a b", "a b", id="half a character"),
        pytest.param("Зоя 👩‍💻", "Зоя 👩‍💻", "Зоя 👩‍💻", id="other scripts"),
        pytest.param("0123456789abc", "012345678…", "012345678…", id="too long"),
        pytest.param("0123456789", "0123456789", "0123456789", id="just long enough"),
    ],
)
def test_texts_are_cleaned_and_cut(text: str, line: str, lines: str) -> None:
    assert one_line(text, 10) == line
    assert paragraphs(text, 10) == lines


def test_an_exception_is_told_by_its_class_and_its_words() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert error_text(ValueError("wrong")) == "ValueError: wrong"
    assert error_text(TimeoutError()) == "TimeoutError"
    assert error_text(MuteError()) == "MuteError"
