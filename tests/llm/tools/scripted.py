"""A language model that says what a test has written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from llm.chunks import Chunk, finish_of, text_of
from llm.requests import ChatRequest

Said = Chunk | Exception


def chunk(
    delta: dict[str, Any] | None = None,
    *,
    finish: str | None = None,
    usage: tuple[int, int] | None = None,
    id: str = "answer",
) -> Chunk:
    """One chunk; with neither a delta nor a finish it has no choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    tokens = usage and {
        "prompt_tokens": usage[0],
        "completion_tokens": usage[1],
        "total_tokens": sum(usage),
    }
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [] if delta is None and finish is None else [choice],
        **({"usage": tokens} if tokens else {}),
    }


def words(*said: str) -> list[Chunk]:
    return [chunk({"content": each}) for each in said]


def piece(
    index: int | None, id: str | None = None, name: str | None = None, arguments: str | None = None
) -> dict[str, Any]:
    """A piece of a call, as a delta's `tool_calls` hold it."""
    given = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in given.items() if value is not None}


def calling(*pieces: dict[str, Any]) -> Chunk:
    return chunk({"tool_calls": list(pieces)})


STOP = chunk(finish="stop")
CALLS = chunk(finish="tool_calls")


class Scripted:
    """`stream` as `answer_with_tools` wants it.

    Args:
        rounds: What it says, one list for each time it is asked. An error is raised; the last list stays for ever.
    """

    def __init__(self, *rounds: Sequence[Said]) -> None:
        self._rounds = rounds
        self.asked: list[ChatRequest] = []
        self.n_closed = 0
        self.hangs_after: int | None = None
        """Chunks of a round after which nothing comes."""

    async def __call__(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        script = self._rounds[min(len(self.asked), len(self._rounds) - 1)]
        self.asked.append(request)
        try:
            for number, each in enumerate(script):
                if number == self.hangs_after:
                    await asyncio.sleep(3600)
                if isinstance(each, Exception):
                    raise each
                yield each
        finally:
            self.n_closed += 1


def said(chunks: Sequence[Chunk]) -> str:
    return "".join(text_of(each) for each in chunks)


def finishes(chunks: Sequence[Chunk]) -> list[str]:
    return [finish for each in chunks if (finish := finish_of(each))]
