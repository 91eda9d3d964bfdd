"""Pieces of an answer: the JSON of OpenAI's `chat.completion.chunk`, as the server sent it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llm.tool_calls import Assembly

Chunk = dict[str, Any]
"""Decoded, and otherwise untouched: fields that nobody here knows reach whoever asked."""


def delta_of(chunk: Chunk) -> dict[str, Any]:
    """What the first choice adds; empty when there is none."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return {}
    delta = choices[0].get("delta")
    return delta if isinstance(delta, dict) else {}


def text_of(chunk: Chunk) -> str:
    """Words that are meant to be shown or spoken."""
    text = delta_of(chunk).get("content")
    return text if isinstance(text, str) else ""


def tool_calls_of(chunk: Chunk) -> list[dict[str, Any]]:
    """Parts of tool calls."""
    calls = delta_of(chunk).get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def finish_of(chunk: Chunk) -> str | None:
    """Why the first choice ends with this chunk; None = it does not."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    return _finish(choices[0])


def _finish(choice: dict[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason else None


class Choices:
    """Which of an answer's choices have begun, and which have ended: there are several where a request says `n`."""

    def __init__(self) -> None:
        self._begun: set[object] = set()
        self._finished: set[object] = set()

    def take(self, chunk: Chunk) -> None:
        """Take the next chunk."""
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                number = str(choice.get("index"))
                self._begun.add(number)
                if _finish(choice) is not None:
                    self._finished.add(number)

    @property
    def are_finished(self) -> bool:
        """Whether all that have begun have ended, and there is one."""
        return bool(self._finished) and self._begun == self._finished


def usage_of(chunk: Chunk) -> dict[str, Any] | None:
    """Tokens that the answer took, where the chunk tells them."""
    usage = chunk.get("usage")
    return usage if isinstance(usage, dict) else None


def says_something(chunk: Chunk) -> bool:
    """Whether this is more than a sign of life: words, a part of a tool call, a thought, or the end.

    A role alone, an empty text and a keep-alive are not: a model that sends only these is stuck.
    """
    if text_of(chunk) or tool_calls_of(chunk):
        return True
    delta = delta_of(chunk)
    return any(isinstance(delta.get(name), str) and delta[name] for name in _THOUGHTS) or bool(
        delta.get("refusal")
    )


_THOUGHTS = ("reasoning_content", "reasoning")
_TEXTS = ("content", "refusal", *_THOUGHTS)


def text_chunk(text: str, *, like: Chunk) -> Chunk:
    """A chunk with these words, and the rest of another one."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {**{key: value for key, value in like.items() if key != "usage"}, "choices": [choice]}


def completion_of(chunks: Iterable[Chunk]) -> dict[str, Any]:
    """One `chat.completion` out of all chunks of an answer."""
    whole: dict[str, Any] = {"object": "chat.completion"}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    texts: dict[str, list[str]] = {}  # joined at the end: to add each piece to the rest takes quadratic time
    assembly = Assembly("call")
    finish = "stop"
    for chunk in chunks:
        whole |= {key: value for key, value in chunk.items() if key not in {"choices", "object", "usage"}}
        for name, text in delta_of(chunk).items():
            if name in _TEXTS and isinstance(text, str) and text:
                texts.setdefault(name, []).append(text)
        assembly.add(tool_calls_of(chunk))
        finish = finish_of(chunk) or finish
        if (usage := usage_of(chunk)) is not None:
            whole["usage"] = usage
    message |= {name: "".join(pieces) for name, pieces in texts.items()}
    if assembly.calls:
        message["tool_calls"] = [
            {
                **call.further,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in assembly.calls
        ]
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": finish}]
    return whole
