"""Texts that a database cannot hold: U+0000, and halves of surrogate pairs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from wire import Profile

_T = TypeVar("_T")

_REPLACEMENT = "\ufffd"


def storable(text: str) -> str:
    """`text` with U+FFFD in place of what cannot be held."""
    return text.replace("\0", _REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def with_storable_texts(record: _T) -> _T:
    """A copy of a record in which all texts are storable. Slow: for those few that were refused."""
    plain = msgspec.to_builtins(record, builtin_types=(datetime,), enc_hook=_fields)
    return msgspec.convert(_cleaned(plain), type(record), dec_hook=_from_fields)


def _fields(value: Any) -> dict[str, object]:
    """Of what msgspec does not know: a profile."""
    if isinstance(value, Profile):
        return value.model_dump()
    raise NotImplementedError


def _from_fields(kind: type, fields: Any) -> Any:
    if issubclass(kind, Profile):
        return kind.model_validate(fields)
    raise NotImplementedError


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return value
