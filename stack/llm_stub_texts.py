"""What an OpenAI-compatible server says: its bodies and the frames of its streams."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"\s*\S+|\s+$")
_ID = "chatcmpl-stub"
_CREATED = 1_700_000_000
"""Seconds since 1970 that all answers were made at: equal requests get equal answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    name: str = "look_up"
    arguments: str = '{"what": "the weather"}'
    """JSON, as OpenAI sends it: a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer: words, or a tool call instead of them."""

    model: str
    words: Sequence[str] = ()
    tool_call: ToolCall | None = None
    n_prompt_tokens: int = 0
    has_usage: bool = False
    """Whether the stream ends with the usage; OpenAI sends it only to those who ask."""

    @property
    def finish_reason(self) -> str:
        return "stop" if self.tool_call is None else "tool_calls"

    @property
    def usage(self) -> dict[str, int]:
        n_words = max(1, len(self.words))
        return {
            "prompt_tokens": self.n_prompt_tokens,
            "completion_tokens": n_words,
            "total_tokens": self.n_prompt_tokens + n_words,
        }

    def completion(self) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self.words), "refusal": None}
        if self.tool_call is not None:
            message |= {"content": None, "tool_calls": [_tool_call(self.tool_call)]}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.usage}

    def role(self) -> bytes:
        """The frame that comes before the first word."""
        content = None if self.tool_call is not None else ""
        return self._frame({"role": "assistant", "content": content})

    def tokens(self) -> Iterator[bytes]:
        """The frames of the answer itself: one for each word, or the two of a tool call."""
        if self.tool_call is None:
            for word in self.words:
                yield self._frame({"content": word})
            return
        call = _tool_call(self.tool_call)
        arguments = call["function"]["arguments"]
        call["function"]["arguments"] = ""
        yield self._frame({"tool_calls": [{"index": 0, **call}]})
        yield self._frame({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})

    def ending(self) -> Iterator[bytes]:
        """The frames after the last word."""
        yield self._frame({}, finish_reason=self.finish_reason)
        if self.has_usage:
            yield frame({**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage})
        yield DONE

    def _frame(self, delta: Mapping[str, Any], *, finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return frame({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": _ID, "object": kind, "created": _CREATED, "model": self.model}


DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"


def frame(body: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def words_of(text: str) -> list[str]:
    """`text` in pieces as models send them: the space is in front of the word. Joined, they are `text`."""
    return _WORD.findall(text)


def error(message: str, *, kind: str, code: str | int | None = None) -> dict[str, Any]:
    """OpenAI's error body."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def model_list(names: Sequence[str]) -> dict[str, Any]:
    """The body of `GET /v1/models`."""
    models = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "stub"} for name in names]
    return {"object": "list", "data": models}


def n_words(messages: object) -> int:
    """Words of a request's messages; this server's tokens. 0 when they are not a list of texts."""
    if not isinstance(messages, list):
        return 0
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    return sum(len(content.split()) for content in contents if isinstance(content, str))


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": "call_stub", "type": "function", "function": function}
