"""Texts as the registry takes them: no control characters, and no longer than allowed. Pure."""

from __future__ import annotations

import re

# What `wire.check_texts` refuses. Half characters (surrogates) cannot even be encoded.
_UNCLEAN_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNCLEAN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def one_line(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters; what is cut off leaves a `…`."""
    return _UNCLEAN_LINE.sub(" ", _cut(text, limit))


def paragraphs(text: str, limit: int) -> str:
    """As `one_line`, but tabs and line ends stay."""
    return _UNCLEAN_TEXT.sub(" ", _cut(text, limit))


def error_text(error: BaseException) -> str:
    """An exception in words: its class, and its own text if it has one."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # a stranger's __str__; a report of an error must not be another
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
