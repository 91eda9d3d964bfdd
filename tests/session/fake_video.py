"""Video of a human, frame by frame as a test says, without LiveKit."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from livekit import rtc

RED = (200, 20, 20)


def frame_of(width: int, height: int, colour: tuple[int, int, int] = RED) -> rtc.VideoFrame:
    data = bytes([*colour, 255]) * (width * height)
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, data)


class Track:
    """A video track of a human, and what is read of it."""

    def __init__(
        self, sid: str, source: int, *, muted: bool = False, kind: int = rtc.TrackKind.KIND_VIDEO
    ) -> None:
        self.sid, self.source, self.muted, self.kind = sid, source, muted, kind
        self.track = self
        self.frames: asyncio.Queue[Any] = asyncio.Queue()
        self.n_open = 0

    def show(self, frame: rtc.VideoFrame) -> None:
        self.frames.put_nowait(SimpleNamespace(frame=frame, rotation=0))


class Stream:
    """`rtc.VideoStream`."""

    def __init__(self, track: Track) -> None:
        self._track = track
        track.n_open += 1

    @classmethod
    def from_track(cls, *, track: Track, capacity: int) -> Stream:
        assert capacity == 1
        return cls(track)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:
        return await self._track.frames.get()

    async def aclose(self) -> None:
        self._track.n_open -= 1
