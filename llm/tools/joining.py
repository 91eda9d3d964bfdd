"""The streams of several rounds with a model, as the one stream of one answer. Pure."""

from __future__ import annotations

from typing import Any

from llm.chunks import Chunk, delta_of, finish_of, text_of, tool_calls_of, usage_of
from llm.tool_calls import AskedCall, Assembly

_BREAK = "\n\n"
"""Between what was said before a tool ran and what comes after: models begin anew there, without a space."""

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class Joined:
    """Takes the chunks of round after round, and says which of them the caller sees, and how.

    The caller sees one id, one role, one finish, and the sum of the tokens used; calls of tools are kept for `calls`.
    """

    def __init__(self) -> None:
        self._first: Chunk | None = None
        self._n_rounds = 0
        self._is_role_told = False
        self._is_finished = False
        self._is_break_due = False
        self._said: list[str] = []
        self._spent: dict[str, Any] | None = None
        self._round_usage: dict[str, Any] | None = None
        self._assembly = Assembly("")
        self._may_call = True

    @property
    def calls(self) -> tuple[AskedCall, ...]:
        """What this round asks for; nothing where it may not."""
        return self._assembly.calls if self._may_call else ()

    @property
    def text(self) -> str:
        """What this round said."""
        return "".join(self._said)

    def begin(self, *, may_call: bool) -> None:
        """Begin another round.

        Args:
            may_call: Whether tools are offered in it. Calls are dropped where they are not.
        """
        self._spent = _sum(self._spent, self._round_usage)
        self._round_usage = None
        self._is_break_due = self._is_break_due or bool(self.text.strip())
        self._said = []
        self._n_rounds += 1
        self._assembly = Assembly(f"call_{self._n_rounds}")
        self._may_call = may_call

    def take(self, chunk: Chunk) -> Chunk | None:
        """What the caller sees of `chunk`; None = nothing."""
        self._first = self._first or chunk
        self._assembly.add(tool_calls_of(chunk))
        usage = usage_of(chunk)
        self._round_usage = usage or self._round_usage
        choice = self._choice(chunk)
        is_told = usage is not None and not self.calls
        if choice is None and not is_told:
            return None
        shown = {**chunk, **self._same(), "choices": [] if choice is None else [choice]}
        if usage is not None:
            shown["usage"] = _sum(self._spent, usage) if is_told else None
        return shown

    def finish(self) -> Chunk | None:
        """The end, for a model that did not give one; None when the caller has seen it."""
        if self._is_finished or self._first is None:
            return None
        self._is_finished = True
        kept = {name: value for name, value in self._first.items() if name != "usage"}
        return {**kept, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}

    def _same(self) -> dict[str, Any]:
        """What must not change in the middle of an answer."""
        return {name: self._first[name] for name in ("id", "created") if self._first and name in self._first}

    def _choice(self, chunk: Chunk) -> dict[str, Any] | None:
        told = {name: value for name, value in delta_of(chunk).items() if name != "tool_calls"}
        if self._is_role_told:
            told.pop("role", None)
        text = text_of(chunk)
        if text:
            told["content"] = self._with_break(text)
            self._said.append(text)
        finish = self._finish_of(chunk)
        if finish is None and not any(told.values()):
            return None
        self._is_role_told = self._is_role_told or bool(told.get("role"))
        return {**chunk["choices"][0], "delta": told, "finish_reason": finish}

    def _with_break(self, text: str) -> str:
        is_due, self._is_break_due = self._is_break_due, False
        return _BREAK + text.lstrip() if is_due else text

    def _finish_of(self, chunk: Chunk) -> str | None:
        finish = finish_of(chunk)
        if finish is None or self.calls or self._is_finished:
            return None
        self._is_finished = True
        return "stop" if finish == "tool_calls" else finish


def _sum(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    if one is None or other is None:
        return one or other
    return {**other, **{name: _count(one, name) + _count(other, name) for name in _COUNTS}}


def _count(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0
