"""Text as sound, for callers. The same voice on every run, so that tests hear the same."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from functools import lru_cache
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000

AUDIBLE = 200
"""RMS of 16-bit samples from which we say that something is heard. Silence after WebRTC stays below 20, the
quiet parts of speech are above 500."""

_GAIN = 0.4
"""Of what the synthesizer makes. At its full level whisper mishears more, after WebRTC."""

_FRAME = SAMPLE_RATE // 50  # samples in 20 ms


@lru_cache(maxsize=64)
def speak(text: str) -> bytes:
    """`text` as mono 16-bit samples at `SAMPLE_RATE`, without silence at its ends.

    Without, because measurements begin where the last sample ends.
    """
    pcm = _say_on_macos(text) if sys.platform == "darwin" else _say_with_nanotts(text)
    samples = (np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype=np.int16) * _GAIN).astype(np.int16)
    frames = [samples[start : start + _FRAME] for start in range(0, len(samples), _FRAME)]
    heard = [index for index, frame in enumerate(frames) if rms(frame) >= AUDIBLE]
    if not heard:
        return b""
    return samples[heard[0] * _FRAME : (heard[-1] + 1) * _FRAME].tobytes()


def noise(seconds: float) -> bytes:
    """White noise, as loud as quiet speech; the same on every run."""
    samples = np.random.default_rng(1).normal(scale=5 * AUDIBLE, size=round(seconds * SAMPLE_RATE))
    return samples.astype(np.int16).tobytes()


def rms(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> float:
    """Loudness: the root of the mean square; 0 of nothing."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _say_with_nanotts(text: str) -> bytes:
    from py_nanotts import NanoTTS  # noqa: PLC0415  # has no wheel for macOS

    pcm: bytes = NanoTTS().speak(text, voice="en-US")
    return pcm


def _say_on_macos(text: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        command = ["say", "-o", str(file), f"--data-format=LEI16@{SAMPLE_RATE}", text]
        subprocess.run(command, check=True, timeout=30, capture_output=True)
        with wave.open(str(file), "rb") as sound:
            return sound.readframes(sound.getnframes())
