"""A human who is only there: publishes a microphone that sends nothing, and hears nothing. Costs next to nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from livekit import rtc

from stack.address import Address
from stack.caller.bounded import CONNECT_TIMEOUT, limited, uncancelled
from stack.caller.voice import SAMPLE_RATE
from stack.caller.watching import Watcher
from stack.errors import StackError


class Guest(Watcher):
    """A human without a voice, as a context manager. May leave and join again.

    It publishes, because LiveKit tells others up to 3 s late that somebody came who does not.

    Args:
        identity: Unique in the room.
    """

    def __init__(self, address: Address, room: str, identity: str = "guest") -> None:
        self.room_name = room
        self.identity = identity
        self._url = address.url
        self._token = address.token(room=room, identity=identity)
        self._room: rtc.Room | None = None
        self._source: rtc.AudioSource | None = None
        self._is_lost = False

    @property
    def is_in(self) -> bool:
        """It has joined, and has not left."""
        return self._room is not None

    @property
    def is_lost(self) -> bool:
        """LiveKit's SDK has given up to reconnect, or the room was deleted; `leave`, then `join` again."""
        return self._is_lost

    async def join(self) -> None:
        """Join.

        Raises:
            livekit.rtc.ConnectError: LiveKit does not answer or refuses.
        """
        if self._room is not None:
            raise StackError(f"{self.identity} is in {self.room_name} already")
        self._is_lost = False
        room = rtc.Room()
        room.on("disconnected", self._on_disconnected)
        self._room = room
        self._source = rtc.AudioSource(SAMPLE_RATE, 1)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.leave)
            options = rtc.RoomOptions(auto_subscribe=False, connect_timeout=CONNECT_TIMEOUT)
            await uncancelled(room.connect(self._url, self._token, options))
            track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
            publishing = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            await limited(room.local_participant.publish_track(track, publishing))
            undo.pop_all()

    async def leave(self) -> None:
        """Leave politely. May be called twice."""
        room, self._room = self._room, None
        source, self._source = self._source, None
        try:
            if room is not None and room.isconnected():
                await limited(room.disconnect())
        finally:
            if source is not None:
                await source.aclose()

    async def stay(self, seconds: float) -> None:
        """Join, be there for a time, and leave."""
        await self.join()
        try:
            await asyncio.sleep(seconds)
        finally:
            await self.leave()

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    def _on_disconnected(self, *_: object) -> None:
        self._is_lost = self._room is not None
