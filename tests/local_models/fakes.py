"""Models that do nothing, or nothing until they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from local_models.audio import Samples
from local_models.language_model import Answer, Message, Sampling
from local_models.models import Models
from local_models.vad import Silero, find_model
from local_models.voices import Speaker
from local_models.whisper import Transcript


class HeldTranscriber:
    """Transcribes when `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.n_calls = 0

    def transcribe(self, speech: Samples) -> Transcript:
        self.n_calls += 1
        self.go.wait(4)
        return Transcript(text=f"call {self.n_calls}", confidence=1.0)


class EndlessAnswerer:
    """Answers until it is stopped."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.stopped = threading.Event()
        self.questions: list[str] = []

    def answer(self, messages: list[Message], sampling: Sampling, on_text: Callable[[str], bool]) -> Answer:
        self.questions.append(messages[-1]["content"])
        self.began.set()
        for _ in range(4_000):
            if on_text("word "):
                self.stopped.set()
                return Answer(finish_reason="stop")
            threading.Event().wait(0.001)
        return Answer(finish_reason="length")

    def close(self) -> None:
        return


class ToneVoice:
    name = "tone"
    voices = ("tone", "low-tone")

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []

    def speak(self, text: str, voice: str) -> Samples:
        self.spoken.append((text, voice))
        return np.full(1_600, 0.5, dtype=np.float32)


def fake_models(
    *,
    transcriber: HeldTranscriber | None = None,
    answerer: EndlessAnswerer | None = None,
    voice: ToneVoice | None = None,
) -> Models:
    return Models(
        vad=Silero(find_model()),
        transcriber=transcriber or HeldTranscriber(),
        answerer=answerer or EndlessAnswerer(),
        speaker=Speaker(voice or ToneVoice()),
    )
