"""The captions of a call: what agents say they said, and what they heard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from livekit import rtc

_TOPIC = "lk.transcription"
_FINAL = "lk.transcription_final"
_SEGMENT = "lk.segment_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    at: float
    """When it was complete, in the loop's time. An agent's is complete when it was spoken."""
    identity: str
    """Who said it; for what an agent heard, the human it heard."""
    segment_id: str
    """The same for each version of one utterance."""
    text: str
    is_final: bool


class Captions:
    """Collects the text streams of one room, from creation to `aclose`."""

    def __init__(self, room: rtc.Room) -> None:
        self.all: list[Caption] = []
        self._tasks: set[asyncio.Task[None]] = set()
        room.register_text_stream_handler(_TOPIC, self._on_stream)

    async def aclose(self) -> None:
        """May be called twice."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.create_task(self._read(reader, identity), name="caption")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text = ""
        try:
            async for part in reader:
                text += part
        except rtc.StreamError:
            is_whole = False  # the room or the speaker went away in the middle
        else:
            is_whole = True
        finally:
            reader.close()
        attributes = reader.info.attributes or {}
        self.all.append(
            Caption(
                at=asyncio.get_running_loop().time(),
                identity=identity,
                segment_id=attributes.get(_SEGMENT, reader.info.stream_id),
                text=text.strip(),
                is_final=is_whole and attributes.get(_FINAL, "true") == "true",
            )
        )
