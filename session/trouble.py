"""When a provider fails: say so aloud, and never end the call."""

from __future__ import annotations

import enum
import logging

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
        self._failing: dict[Part, str] = {}
        self._said_at: dict[Part, float] = {}

    @property
    def failing(self) -> dict[Part, str]:
        """The failing parts, each with the name of its last error."""
        return dict(self._failing)

    def failed(self, part: Part, error: str, *, now: float) -> Clip | None:
        """Take a failure that no retry mended.

        Args:
            part: What failed.
            error: Name of the error, for operators.
            now: Seconds, monotonic.

        Returns:
            What to say; None when it was said less than `CLIP_INTERVAL` ago.
        """
        if part not in self._failing:
            logger.error(
                "a provider fails; the call goes on",
                extra={"action": "provider.failed", "part": part.name.lower(), "error": error},
            )
        self._failing[part] = error
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
