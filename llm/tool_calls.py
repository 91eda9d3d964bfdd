"""Calls of tools, put together from the pieces in which a model streams them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class AskedCall:
    """One call that a model asked for."""

    id: str
    name: str = ""
    arguments: str = ""
    """JSON, as far as the model writes any."""

    further: dict[str, Any] = field(default_factory=dict)
    """What the server put beside it and may want to see again, like Gemini's thought signature."""

    def as_openai(self) -> dict[str, Any]:
        """As the assistant's message holds it."""
        # Servers that read the arguments of earlier calls refuse the whole request when they are broken.
        arguments = self.arguments if _is_object(self.arguments) else "{}"
        function = {"name": self.name or "unnamed", "arguments": arguments}
        return {**self.further, "id": self.id, "type": "function", "function": function}


class Assembly:
    """Takes pieces in their order.

    Args:
        prefix: Of the ids of calls that come without one; must differ between the rounds of one answer.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._asked: list[AskedCall] = []
        self._open: dict[object, AskedCall] = {}

    @property
    def calls(self) -> tuple[AskedCall, ...]:
        return tuple(self._asked)

    def add(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        """Take the pieces of one chunk, each like `{"index": 0, "id": …, "function": {"name": …, "arguments": …}}`."""
        for piece in pieces:
            call = self._call_of(piece)
            call.further |= {name: value for name, value in piece.items() if name not in _KNOWN}
            call.name = call.name or _text(_function(piece), "name")
            call.arguments += _text(_function(piece), "arguments")

    def _call_of(self, piece: Mapping[str, Any]) -> AskedCall:
        place = str(piece.get("index"))
        call = self._open.get(place)
        if call is None or _is_another(piece, call):
            call = AskedCall(id=_text(piece, "id") or f"{self._prefix}_{len(self._asked)}")
            self._asked.append(call)
            self._open[place] = call
        return call


_KNOWN = {"index", "id", "type", "function"}


def _is_another(piece: Mapping[str, Any], call: AskedCall) -> bool:
    """Some servers give every call the index 0, or none; a new id, or a name again, tells them apart."""
    if _text(piece, "id"):
        return _text(piece, "id") != call.id
    return piece.get("index") is None and bool(_text(_function(piece), "name"))


def _function(piece: Mapping[str, Any]) -> Mapping[str, Any]:
    function = piece.get("function")
    return function if isinstance(function, Mapping) else {}


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
