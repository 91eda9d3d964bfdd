"""What humans write in the room: text streams on the topic ``lk.chat``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.types import TOPIC_CHAT

from session.roster import humans_among

logger = logging.getLogger(__name__)

READ_TIMEOUT = 30.0
"""Seconds for a text to arrive. Most are there at once; a long one on a slow line is not."""


@runtime_checkable
class TakesText(Protocol):
    """A companion of the pipeline that takes what is written, so that it is not answered at once."""

    def take_text(self, text: str) -> None:
        """Take what a human has written. Never raises."""


class Written:
    """Reads what every human writes, whoever is listened to. livekit-agents 1.8.9 drops what all others write.

    Args:
        take: Given who has written, and what. Awaited.
    """

    def __init__(self, take: Callable[[str, str], Awaitable[None]]) -> None:
        self._take = take
        self._room: rtc.Room | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, room: rtc.Room) -> None:
        """Read from now on."""
        self._room = room
        room.register_text_stream_handler(TOPIC_CHAT, self._on_stream)

    async def aclose(self) -> None:
        """Read no more. May be called twice."""
        room, self._room = self._room, None
        if room is not None:
            room.unregister_text_stream_handler(TOPIC_CHAT)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        writer = None if self._room is None else self._room.remote_participants.get(identity)
        if writer is None or not humans_among([writer]):
            logger.debug("nobody human has written, it is not read")
            reader.close()
            return
        task = asyncio.create_task(self._read(reader, identity), name="call-written")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                text = await reader.read_all()
        except OSError as error:  # as a TimeoutError and a StreamError are
            logger.warning(
                "what a human wrote did not arrive whole",
                extra={"action": "call.unread", "error": type(error).__name__},
            )
            return
        finally:
            reader.close()
        if text.strip():
            await self._take(identity, text)


async def answer_written(session: AgentSession[None], text: str) -> None:
    """Answer what was written: at once, or after what is being said if that cannot be interrupted.

    livekit-agents' own way (1.8.9, `room_io/types.py`) forgets the text in the second case.
    """
    # It has no public name, and is made for this: see its docstring.
    async with session._claim_user_turn():
        try:
            await session.interrupt()
        except RuntimeError:
            logger.debug("what is being said is said to its end first")
        try:
            session.generate_reply(user_input=text)
        except RuntimeError:
            logger.debug("no answer, the pipeline is closing")
