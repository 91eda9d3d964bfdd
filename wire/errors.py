"""What is said of a message that cannot be read."""

from __future__ import annotations

import json
import re

_WHERE = re.compile(r" - at `(?P<where>.*)`$")
_SHOWN = 40  # characters of a bad value that an error repeats


class BeatError(ValueError):
    """A message that cannot be taken. One line: the field, its value, what is expected."""


def describe(error: Exception, data: bytes) -> str:
    """One line about why msgspec did not take `data`: the field, what is expected, what was there instead."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = str(error)
    match = _WHERE.search(text)
    expected = text[: match.start()] if match else text
    where = (match["where"] if match else "$").removeprefix("$").removeprefix(".")
    if "missing required field" in expected or "missing" in expected.lower() or not match:
        return f"{where}: {expected}" if where else expected
    found = _found(data, where)
    return f"{where}: {expected}" + (f"; it is {found}" if found else "")


def _found(data: bytes, where: str) -> str:
    """The value at `where` in `data`, shortened; empty when it cannot be told."""
    try:
        value = json.loads(data)
        for part in re.findall(r"[^.\[\]]+", where):
            value = value[int(part)] if isinstance(value, list) else value[part]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"
