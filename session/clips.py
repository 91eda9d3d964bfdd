"""Sentences rendered beforehand, for when the voice or the model is out of reach."""

from __future__ import annotations

import enum
import wave
from collections.abc import AsyncIterator
from pathlib import Path

from livekit import rtc

_FOLDER = Path(__file__).parent / "sounds"
_FRAME = 0.02  # seconds; what the room sends at a time


class Clip(enum.Enum):
    """Each has its sound in ``sounds/<name>.wav``, mono 16-bit; ``scripts/render-clips`` makes them."""

    THINKING = "I am sorry, I cannot think of an answer right now. I will answer as soon as I can."
    HEARING = "I am sorry, I cannot hear you right now. Please wait a moment."
    SPEAKING = "I am sorry, my voice is failing me. Please wait a moment."

    @property
    def path(self) -> Path:
        return _FOLDER / f"{self.name.lower()}.wav"


async def frames(clip: Clip) -> AsyncIterator[rtc.AudioFrame]:
    """The clip's sound, in frames of 20 ms.

    Raises:
        OSError: Its file is not there; an installation is broken.
    """
    with wave.open(str(clip.path), "rb") as sound:
        rate = sound.getframerate()
        size = int(rate * _FRAME)
        while data := sound.readframes(size):
            data += bytes(2 * size - len(data))
            yield rtc.AudioFrame(data=data, sample_rate=rate, num_channels=1, samples_per_channel=size)
