"""A microphone that never stops: speech when there is some, silence otherwise, as a browser sends it."""

from __future__ import annotations

import asyncio
from collections import deque

from livekit import rtc

from stack.caller.voice import SAMPLE_RATE

_FRAME = SAMPLE_RATE // 50  # samples in 20 ms
_QUEUE_MS = 200
"""Sound that the SDK holds. Long enough for a busy event loop: a gap inside a word is heard as another word."""
_CAPTURE_TIMEOUT = 20.0


class Microphone:
    """Feeds one audio source in real time, from `start` to `aclose`."""

    def __init__(self) -> None:
        self.source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=_QUEUE_MS)
        self._speech: deque[tuple[bytes, asyncio.Future[float]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="microphone")

    async def play(self, pcm: bytes) -> float:
        """Play `pcm` after what is being played.

        Returns:
            When its last sample was played, in the loop's time.

        Raises:
            asyncio.CancelledError: The microphone was closed before.
        """
        played: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._speech.append((pcm, played))
        return await played

    async def aclose(self) -> None:
        """May be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        while self._speech:
            self._speech.popleft()[1].cancel()
        await self.source.aclose()

    async def _run(self) -> None:
        silence = bytes(2 * _FRAME)
        while True:
            if not self._speech:
                await self._capture(silence)
                continue
            pcm, played = self._speech[0]
            for start in range(0, len(pcm), 2 * _FRAME):
                await self._capture(pcm[start : start + 2 * _FRAME].ljust(2 * _FRAME, b"\0"))
            ended_at = asyncio.get_running_loop().time() + self.source.queued_duration
            self._speech.popleft()
            if not played.done():
                asyncio.get_running_loop().call_at(ended_at, _resolve, played, ended_at)

    async def _capture(self, pcm: bytes) -> None:
        # Waits while the queue is full: that is what keeps it in real time.
        async with asyncio.timeout(_CAPTURE_TIMEOUT):
            await self.source.capture_frame(rtc.AudioFrame(pcm, SAMPLE_RATE, 1, _FRAME))


def _resolve(played: asyncio.Future[float], at: float) -> None:
    if not played.done():
        played.set_result(at)
