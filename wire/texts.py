"""Texts without control characters: what everybody who takes one from outside asks of it. Pure."""

from __future__ import annotations

import re

CONTROLS = r"\x00-\x1f\x7f-\x9f"
"""Control characters, as in the brackets of a regular expression."""

LINE = rf"^[^{CONTROLS}]*$"
"""What `is_line` says, for a schema."""

_NO_LINE = re.compile(f"[{CONTROLS}]")
_NO_TEXT = re.compile(rf"(?![\t\n\r])[{CONTROLS}]")


def is_line(text: str) -> bool:
    """Whether there is no control character in `text`. It may be empty."""
    return _NO_LINE.search(text) is None


def is_text(text: str) -> bool:
    """Whether there is no control character in `text` but tabs and line ends. It may be empty."""
    return _NO_TEXT.search(text) is None
