"""The models of this process, each with its queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from local_models.audio import Samples
from local_models.language_model import Answer, Message, Sampling
from local_models.queueing import ModelQueue
from local_models.vad import Silero
from local_models.voices import Speaker
from local_models.whisper import Transcript

_CLOSE_TIMEOUT = 0.7
"""Seconds. A transcription or a sentence takes less; only a long prompt takes more."""


class Transcriber(Protocol):
    def transcribe(self, speech: Samples) -> Transcript: ...


class Answerer(Protocol):
    def answer(
        self, messages: list[Message], sampling: Sampling, on_text: Callable[[str], bool]
    ) -> Answer: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What the server's handlers ask. All models are loaded."""

    vad: Silero
    transcriber: Transcriber
    answerer: Answerer
    speaker: Speaker
    stt_queue: ModelQueue = field(default_factory=lambda: ModelQueue("stt"))
    llm_queue: ModelQueue = field(default_factory=lambda: ModelQueue("llm"))
    tts_queue: ModelQueue = field(default_factory=lambda: ModelQueue("tts"))

    @property
    def queues(self) -> tuple[ModelQueue, ...]:
        return (self.stt_queue, self.llm_queue, self.tts_queue)

    async def transcribe(self, speech: Samples) -> Transcript:
        return await self.stt_queue.run(partial(self.transcriber.transcribe, speech))

    async def speak(self, text: str, voice: str) -> Samples:
        return await self.tts_queue.run(partial(self.speaker.speak, text, voice))

    async def aclose(self) -> bool:
        """Cancel what waits, and give what runs a moment. True when all is quiet. May be called twice."""
        quiet = await asyncio.gather(*(queue.aclose(timeout=_CLOSE_TIMEOUT) for queue in self.queues))
        self.answerer.close()
        return all(quiet)
