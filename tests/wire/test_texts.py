"""Which texts hold a control character."""

from __future__ import annotations

import re

import pytest

from wire.texts import LINE, is_line, is_text


@pytest.mark.parametrize(
    ("text", "line", "several"),
    [
        pytest.param("", True, True, id="nothing"),
        pytest.param("a room, ein Raum, 部屋 🏠", True, True, id="letters of any language"),
        pytest.param("\xa0\u2028", True, True, id="blanks of any kind"),
        pytest.param("two\r\nlines\twith a tab", False, True, id="tabs and line ends"),
        pytest.param("a line and its end\n", False, True, id="a line end at the end"),
        pytest.param("\x00", False, False, id="zero"),
        pytest.param("\x0b", False, False, id="between tabs and line ends"),
        pytest.param("\x1f", False, False, id="last of the first block"),
        pytest.param("\x7f", False, False, id="first of the second block"),
        pytest.param("\x9f", False, False, id="last of the second block"),
    ],
)
def test_control_characters_are_found(text: str, line: bool, several: bool) -> None:
    assert (is_line(text), is_text(text)) == (line, several)


@pytest.mark.parametrize("text", ["", "a room", "a\tb", "\x00", "\x7f", "\x80", "\x9f", "\xa0"])
def test_the_schema_says_the_same(text: str) -> None:
    assert (re.search(LINE, text) is not None) is is_line(text)
