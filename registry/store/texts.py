"""Texts that a database cannot hold: U+0000, and halves of surrogate pairs."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

_T = TypeVar("_T")

_REPLACEMENT = "\ufffd"


def storable(text: str) -> str:
    """`text` with U+FFFD in place of what cannot be held."""
    return text.replace("\0", _REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def with_storable_texts(record: _T) -> _T:
    """A copy of an agent or a change in which all texts are storable. Slow: for those few that were refused."""
    plain = msgspec.to_builtins(record, builtin_types=(datetime,))
    return msgspec.convert(_cleaned(plain), type(record))


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return value
