"""Where a call does otherwise than its profile says: told while it is so, and never a reason to end it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from config.provider_list import Part

logger = logging.getLogger(__name__)


class UnfitError(Exception):
    """A choice cannot be had here. The message is one line without secrets: what, why, the way out."""


class Fallbacks:
    """What is otherwise now."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        """Called when something was added or taken back, which may be in the middle of the call."""
        self._texts: dict[str, None] = {}  # in the order in which they came

    @property
    def texts(self) -> tuple[str, ...]:
        """One line each, fit for the humans in the room: ``tts: 'acme' is no provider; there are …``."""
        return tuple(self._texts)

    def add(self, part: Part, text: str) -> None:
        """Tell, unless it is told already.

        Args:
            part: Of the pipeline.
            text: One line, without secrets and without anything that was said.
        """
        if text in self._texts:
            return
        self._texts[text] = None
        logger.warning(
            "a choice of the profile cannot be had; the call goes on without it",
            extra={"action": "provider.fallback", "part": part, "reason": text},
        )
        self.on_change()

    def remove(self, part: Part, text: str) -> None:
        """Take back what was told: it is as the profile says again. Nothing happens if it was not told."""
        if text not in self._texts:
            return
        del self._texts[text]
        logger.info(
            "a choice of the profile is back", extra={"action": "provider.back", "part": part, "reason": text}
        )
        self.on_change()
