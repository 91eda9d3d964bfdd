"""Answers to a conversation: SmolLM2 through llama.cpp, in this process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from xllamacpp import CommonParams, Server

from local_models.errors import RequestError

CONTEXT_TOKENS = 4_096
"""Prompt, conversation and answer together: some 70 turns. Costs 23 KB of memory a token."""

_CACHED_PROMPTS_MIB = 128
"""Memory for the conversations of other calls, so that taking turns costs 0.05 s and not 2 s. About 25 calls."""

_TURNS_FORGOTTEN = 8
"""Messages left out at a time when a conversation is too long. In steps, because each step costs reading
all that is left once more: the cached prompt no longer fits."""


class Message(TypedDict):
    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    max_tokens: int
    temperature: float = 0.0
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known when the answer is over."""

    finish_reason: str
    """`stop` or `length`."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class LanguageModel:
    """The model. Blocking, and one call at a time: give it a queue.

    One call at a time on purpose: with two conversations side by side llama.cpp cannot reuse the prompt
    that they share. Four calls at once took 1.3 s one after the other and 6.2 s side by side.
    """

    def __init__(self, path: Path) -> None:
        # The library always listens somewhere. A socket in a folder of our own opens no port.
        self._folder = Path(tempfile.mkdtemp(prefix="roomkeeper-"))
        params = CommonParams()
        params.model.path = str(path)
        params.hostnames = [str(self._folder / "llama.sock")]
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.cache_ram_mib = _CACHED_PROMPTS_MIB
        params.verbosity = 0
        # Two threads wait for each other in a spin, three times slower when both cores are busy.
        params.cpuparams.n_threads = 1
        params.cpuparams_batch.n_threads = 1
        self._server = Server(params)

    def answer(self, messages: list[Message], sampling: Sampling, on_text: Callable[[str], bool]) -> Answer:
        """Answer the last message; what is too long loses its oldest turns.

        Args:
            messages: The conversation, not empty; a system message at its head is never forgotten.
            sampling: How to choose.
            on_text: Gets each piece of the answer in this thread. True = stop, nobody listens any more.

        Raises:
            RequestError: The conversation does not fit even without its older turns.
        """
        while True:
            try:
                return self._answer(messages, sampling, on_text)
            except _TooLongError as error:
                n_head = next((i for i, m in enumerate(messages) if m["role"] != "system"), len(messages))
                if len(messages) - n_head <= 1:
                    raise RequestError(
                        f"the prompt has {error.n_tokens} tokens and this model takes {CONTEXT_TOKENS}; shorten it",
                        code="context_length_exceeded",
                        param="messages",
                    ) from None
                n_kept = max(1, len(messages) - n_head - _TURNS_FORGOTTEN)
                messages = [*messages[:n_head], *messages[-n_kept:]]

    def close(self) -> None:
        """May be called twice."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, messages: list[Message], sampling: Sampling, on_text: Callable[[str], bool]) -> Answer:
        end = _End()

        def on_chunk(chunk: object) -> bool:
            text = end.read(chunk)
            return on_text(text) if text is not None else False

        self._server.handle_chat_completions(_request(messages, sampling), on_chunk)
        if end.too_long is not None:
            raise _TooLongError(end.too_long)
        if end.error is not None:
            raise RequestError(f"the language model refused: {end.error}", code="invalid_request")
        return Answer(
            finish_reason=end.finish_reason,
            prompt_tokens=end.prompt_tokens,
            completion_tokens=end.completion_tokens,
            cached_tokens=end.cached_tokens,
        )


class _TooLongError(Exception):
    def __init__(self, n_tokens: int) -> None:
        super().__init__(n_tokens)
        self.n_tokens = n_tokens


class _End:
    """Reads the library's chunks, which have the shape of OpenAI's."""

    def __init__(self) -> None:
        self.finish_reason = "stop"
        self.prompt_tokens = self.completion_tokens = self.cached_tokens = 0
        self.too_long: int | None = None
        self.error: str | None = None

    def read(self, chunk: object) -> str | None:
        """The chunk's text; empty for the role that comes first, None when it is about something else."""
        assert isinstance(chunk, dict)  # noqa: S101  # the library's own type is missing
        if error := chunk.get("error"):
            if error.get("type") == "exceed_context_size_error":
                self.too_long = int(error["n_prompt_tokens"])
            else:
                self.error = str(error.get("message"))
            return None
        if usage := chunk.get("usage"):
            self.prompt_tokens = int(usage["prompt_tokens"])
            self.completion_tokens = int(usage["completion_tokens"])
            self.cached_tokens = int(usage.get("prompt_tokens_details", {}).get("cached_tokens", 0))
        for choice in chunk.get("choices", ()):
            if choice.get("finish_reason"):
                self.finish_reason = str(choice["finish_reason"])
                return None
            return str(choice["delta"].get("content") or "")
        return None


def _request(messages: list[Message], sampling: Sampling) -> dict[str, object]:
    request: dict[str, object] = {
        "messages": messages,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": True,
    }
    if sampling.top_p is not None:
        request["top_p"] = sampling.top_p
    if sampling.stop:
        request["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        request["seed"] = sampling.seed
    return request
