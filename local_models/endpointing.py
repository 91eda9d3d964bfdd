"""When speech begins and ends, decided from one probability for each window of sound. Pure.

Time is counted in samples at `MODEL_RATE`, so a recording and a live stream decide alike.

    QUIET --likely speech--> SPEAKING --unlikely--> (pausing) --long enough--> QUIET
                                ^------ speech again ------|
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from local_models.audio import MODEL_RATE
from local_models.vad import WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointingLimits:
    speech_probability: float = 0.5
    """At or above it a window is speech. Silero's own default."""

    silence_probability: float = 0.35
    """Below it a window is silence; between the two nothing changes. Silero's own default."""

    onset: float = 0.064
    """Speech on end until it counts, so that a click is not a turn. Two windows."""

    lead: float = 0.3
    """Sound kept from before the onset: the first consonant is quiet."""

    silence: float = 0.25
    """Silence on end that ends speech. A pause between words is shorter, and a longer one is waited for in vain."""

    hint: float = 0.09
    """Silence on end after which the end is likely enough to begin the transcription."""

    patience: float = 15.0
    """Length of speech after which a pause of `hint` ends a piece: the model takes no more than 30 s."""

    longest: float = 25.0
    """Length of speech that is cut even without a pause."""


class Change(enum.Enum):
    STARTED = "started"  # speech has begun; `start` says where
    PAUSED = "paused"  # silence began: a good moment to transcribe ahead
    RESUMED = "resumed"  # it was only a pause
    CUT = "cut"  # the piece is long enough; speech goes on in the next one
    ENDED = "ended"  # silence is confirmed


class Endpointing:
    """Follow one stream.

    Attributes:
        is_speaking: Between STARTED and ENDED.
        is_paused: Between PAUSED and RESUMED, CUT or ENDED.
        start: First sample of the piece, with its lead.
        speech_end: Sample after the last window that was speech.
    """

    def __init__(self, limits: EndpointingLimits) -> None:
        self.is_speaking = False
        self.is_paused = False
        self.start = 0
        self.speech_end = 0
        self._limits = limits
        self._now = 0
        self._onset_at: int | None = None
        self._silent_at: int | None = None
        self._earliest = 0  # nothing before it belongs to the next piece

    @property
    def is_silent(self) -> bool:
        """The last window was not speech, though it may be too early to call it a pause."""
        return not self.is_speaking or self._silent_at is not None

    def push(self, probability: float) -> Change | None:
        """Take the next window."""
        began_at, self._now = self._now, self._now + WINDOW
        if not self.is_speaking:
            return self._listen(probability, began_at)
        if probability >= self._limits.speech_probability:
            self.speech_end = self._now
            self._silent_at = None
        elif probability < self._limits.silence_probability and self._silent_at is None:
            self._silent_at = began_at
        return self._follow()

    def end(self, *, now: int) -> bool:
        """The client wants what is there, up to sample `now`. True when speech was going on."""
        was_speaking = self.is_speaking
        self._now = now
        self._close()
        return was_speaking

    def _listen(self, probability: float, began_at: int) -> Change | None:
        if probability < self._limits.speech_probability:
            self._onset_at = None
            return None
        if self._onset_at is None:
            self._onset_at = began_at
        if self._now - self._onset_at < _samples(self._limits.onset):
            return None
        self.is_speaking = True
        self.start = max(self._earliest, self._onset_at - _samples(self._limits.lead))
        self.speech_end = self._now
        return Change.STARTED

    def _follow(self) -> Change | None:
        limits = self._limits
        length = self._now - self.start
        silence = 0 if self._silent_at is None else self._now - self._silent_at
        if silence >= _samples(limits.silence):
            self._close()
            return Change.ENDED
        is_likely_end = silence >= _samples(limits.hint)
        if length >= _samples(limits.longest) or (is_likely_end and length >= _samples(limits.patience)):
            self.start = self._now
            self.is_paused = False
            return Change.CUT
        if is_likely_end and not self.is_paused:
            self.is_paused = True
            return Change.PAUSED
        if silence == 0 and self.is_paused:
            self.is_paused = False
            return Change.RESUMED
        return None

    def _close(self) -> None:
        self.is_speaking = self.is_paused = False
        self._onset_at = self._silent_at = None
        self._earliest = self._now


def _samples(seconds: float) -> int:
    return round(seconds * MODEL_RATE)
