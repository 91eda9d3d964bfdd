"""A participant that writes captions as LiveKit's agents do, and knows when each piece of text was there."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

from livekit import rtc

from stack.address import Address

IDENTITY = "writer"
PERIOD = 0.15
"""Seconds between two pieces: as fast as people speak."""

_TOPIC = "lk.transcription"
_CONNECT_TIMEOUT = 10.0


async def write_captions(
    address: Address, room: str, *, sentences: int, words: int
) -> list[tuple[str, float]]:
    """Join `room`, write `sentences` captions word by word as streams that grow, and leave.

    Returns:
        Each text that a caption had, with when its last word was handed to LiveKit's SDK, in milliseconds of the
        clock. No two texts are alike.
    """
    told = []
    there = rtc.Room()
    await there.connect(
        address.url,
        address.token(room=room, identity=IDENTITY),
        rtc.RoomOptions(auto_subscribe=False, connect_timeout=_CONNECT_TIMEOUT),
    )
    try:
        for sentence in range(sentences):
            text = ""
            writer = await there.local_participant.stream_text(
                topic=_TOPIC,
                attributes={"lk.segment_id": f"SG_{uuid4().hex}", "lk.transcription_final": "false"},
            )
            for word in range(words):
                piece = f"s{sentence}w{word} "
                text += piece
                told.append((text.strip(), time.time() * 1000))
                await writer.write(piece)
                await asyncio.sleep(PERIOD)
            await writer.aclose(attributes={"lk.transcription_final": "true"})
    finally:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await there.disconnect()
    return told
