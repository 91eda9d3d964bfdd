"""What one remote voice sounded like in the last minute: when it was audible, and its samples."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from livekit import rtc

from stack.caller.voice import AUDIBLE, SAMPLE_RATE, rms

MEMORY = 60.0
"""Seconds of sound that are kept."""

_FRAME_MS = 20
_CLOSE_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Frame:
    at: float
    """When it arrived, in the loop's time."""
    is_audible: bool
    pcm: bytes


class Sound:
    """The frames of the last minute, and questions about them. Pure; frames come in order of time."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=round(MEMORY * 1000 / _FRAME_MS))

    def add(self, frame: Frame) -> None:
        self._frames.append(frame)

    def first_audible(self, after: float) -> float | None:
        """When something was audible at or after `after`; None = not yet."""
        return next((frame.at for frame in self._frames if frame.at >= after and frame.is_audible), None)

    def last_audible(self, after: float) -> float | None:
        return next((frame.at for frame in self._newest_first(after) if frame.is_audible), None)

    def end_of_speech(self, after: float, *, now: float, pause: float) -> float | None:
        """When what began after `after` ended: nothing audible for `pause` seconds since. None = not yet."""
        last = self.last_audible(after)
        return last if last is not None and now - last >= pause else None

    def pcm(self, start: float, end: float) -> bytes:
        """The samples that arrived between two moments."""
        return b"".join(frame.pcm for frame in self._frames if start <= frame.at <= end)

    def _newest_first(self, after: float) -> Iterator[Frame]:
        for frame in reversed(self._frames):
            if frame.at < after:
                return
            yield frame


class Ear:
    """Listens to one remote audio track until it ends or `aclose`."""

    def __init__(self, track: rtc.Track, sound: Sound) -> None:
        self._sound = sound
        self._stream = rtc.AudioStream(
            track, sample_rate=SAMPLE_RATE, num_channels=1, frame_size_ms=_FRAME_MS
        )
        self._task = asyncio.create_task(self._listen(), name="ear")

    async def aclose(self) -> None:
        """May be called twice."""
        self._task.cancel()
        await asyncio.wait({self._task})
        closing = asyncio.create_task(self._stream.aclose(), name="ear-close")
        await asyncio.wait({closing}, timeout=_CLOSE_TIMEOUT)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for event in self._stream:
            samples = np.frombuffer(event.frame.data, dtype=np.int16)
            self._sound.add(Frame(loop.time(), rms(samples) >= AUDIBLE, samples.tobytes()))
