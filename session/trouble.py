"""When a provider fails: say so aloud, and never end the call."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable

from session.clips import Clip

logger = logging.getLogger(__name__)

CLIP_INTERVAL = 30.0
"""Seconds between two clips about the same provider."""


class Part(enum.Enum):
    """A part of the pipeline, by the type of its errors in livekit-agents."""

    STT = "stt_error"
    LLM = "llm_error"
    TTS = "tts_error"


CLIPS = {Part.STT: Clip.HEARING, Part.LLM: Clip.THINKING, Part.TTS: Clip.SPEAKING}


class Trouble:
    """Which providers fail now, and what the human should hear about it."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        """Called when a part begins to fail, and when it works again."""
        self.on_part: Callable[[Part, str | None], None] = lambda _, __: None
        """Called at the same moments with that part, and the name of its error; None = it works."""
        self._failing: dict[Part, str] = {}
        self._said_at: dict[Part, float] = {}
        self._last_error: str | None = None
        self._failed_at = 0.0

    @property
    def failing(self) -> dict[Part, str]:
        """The failing parts, each with the name of its last error."""
        return dict(self._failing)

    @property
    def last_error(self) -> str | None:
        """The last failure in words, over or not; None = there was none."""
        return self._last_error

    @property
    def failed_at(self) -> float:
        """When that was, in the caller's seconds."""
        return self._failed_at

    def failed(self, part: Part, error: str, *, now: float) -> Clip | None:
        """Take a failure that no retry mended.

        Args:
            part: What failed.
            error: Name of the error, for operators.
            now: Seconds, monotonic.

        Returns:
            What to say; None when it was said less than `CLIP_INTERVAL` ago.
        """
        is_new = part not in self._failing
        if is_new:
            logger.error(
                "a provider fails; the call goes on",
                extra={"action": "provider.failed", "part": part.name.lower(), "error": error},
            )
        self._failing[part] = error
        self._last_error, self._failed_at = f"{part.name.lower()}: {error}", now
        if is_new:
            self.on_change()
            self.on_part(part, error)
        said_at = self._said_at.get(part)
        if said_at is not None and now < said_at + CLIP_INTERVAL:
            return None
        self._said_at[part] = now
        return CLIPS[part]

    def worked(self, part: Part) -> None:
        """Take a success. May be called at every one."""
        if self._failing.pop(part, None) is not None:
            self._said_at.pop(part, None)
            logger.info(
                "a provider works again", extra={"action": "provider.recovered", "part": part.name.lower()}
            )
            self.on_change()
            self.on_part(part, None)
