"""What an agent says of itself to whoever is in the room: the participant attribute `wire.NOTES`."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from livekit import rtc

from session.trouble import Part
from wire import NOTES

logger = logging.getLogger(__name__)

COALESCE = 0.05
"""Seconds in which further news go into the same message."""

SEND_TIMEOUT = 2.0
"""Seconds for LiveKit to take it. Its SDK waits for ever."""

RETRY_PAUSE = 5.0
"""Seconds after a failure."""

MOST_FALLBACKS = 5
LONGEST_FALLBACK = 200
"""Characters. LiveKit refuses a participant whose attributes are longer than 64 kB together."""

_FAILURES = (rtc.RpcError, RuntimeError, OSError)
_ORDER = (Part.LLM, Part.STT, Part.TTS)


class Publisher(Protocol):
    """The agent's own participant."""

    async def set_attributes(self, attributes: dict[str, str], /) -> None: ...


def waiting_for(failing: Collection[Part]) -> str | None:
    """``llm``, ``stt`` or ``tts``: the one that is missed most; None = all work."""
    return next((part.name.lower() for part in _ORDER if part in failing), None)


class Notes:
    """Keeps what is to be known, and tells the room when it changes. Costs nothing while there is nothing to tell.

    Args:
        translate: Language into which the agent interprets.
        vision: Whether it sees.
    """

    def __init__(self, *, translate: str | None = None, vision: bool = False) -> None:
        self._facts: dict[str, object] = {
            "waiting": None,
            "avatar": None,
            "vision": vision or None,
            "translate": translate,
            "fallback": None,
        }
        self.on_news: Callable[[str, object], None] = lambda _, __: None
        """Called when something is another way than before, with its name in `wire.NOTES` and what it is now."""

        self._publisher: Publisher | None = None
        self._told: str | None = ""  # None = nobody knows what the room has
        self._telling: asyncio.Task[None] | None = None
        self._has_told = False  # or tried to
        self._is_over = False

    @property
    def text(self) -> str:
        """The attribute's value."""
        facts = {name: fact for name, fact in self._facts.items() if fact is not None}
        return json.dumps(facts, ensure_ascii=False) if facts else ""

    def wait_for(self, failing: Collection[Part]) -> None:
        """Take which parts of the pipeline fail now. May be called at every change."""
        self._set("waiting", waiting_for(failing))

    def set_avatar(self, state: str | None) -> None:
        """Take how the avatar is: ``absent``, ``failed: <reason>``, or None when it is there."""
        self._set("avatar", state)

    def set_vision(self, is_understood: bool) -> None:
        """Take whether the model that answers now understands pictures."""
        self._set("vision", True if is_understood else "not understood")

    def fall_back(self, lines: Sequence[str]) -> None:
        """Take what was chosen and cannot be had, one line each. May be called with what was there already."""
        self._set("fallback", [line[:LONGEST_FALLBACK] for line in lines[:MOST_FALLBACKS]] or None)

    def begin(self, publisher: Publisher) -> None:
        """The agent is in the room: tell what there is to tell."""
        self._publisher = publisher
        self._tell()

    def again(self) -> None:
        """LiveKit is back. It may have forgotten all attributes but those of the agent's token."""
        if self._has_told:
            self._told = None
        self._tell()

    async def aclose(self) -> None:
        """Tell no more. May be called twice."""
        self._is_over = True
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait({self._telling})

    def _set(self, name: str, fact: object) -> None:
        if self._facts[name] != fact:
            self._facts[name] = fact
            self.on_news(name, fact)
            self._tell()

    def _tell(self) -> None:
        if self._publisher is None or self._is_over or self.text == self._told:
            return
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._run(self._publisher), name="call-notes")

    async def _run(self, publisher: Publisher) -> None:
        await asyncio.sleep(COALESCE)
        while (text := self.text) != self._told:
            self._has_told = True
            try:
                async with asyncio.timeout(SEND_TIMEOUT):
                    await publisher.set_attributes({NOTES: text})
            except _FAILURES as error:  # a TimeoutError is an OSError
                logger.debug("the room was not told", extra={"error": type(error).__name__})
                await asyncio.sleep(RETRY_PAUSE)
            else:
                self._told = text
