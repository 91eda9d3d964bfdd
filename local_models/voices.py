"""Who speaks: text in, sound out."""

from __future__ import annotations

import importlib
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np

from config.provider_list import MAC_VOICES, NANO_VOICES
from local_models.audio import Samples, from_pcm

logger = logging.getLogger(__name__)

_AUDIBLE = 0.006  # of full scale; below it is the breath before and after a sentence
_LEAD = 320  # samples kept before the first audible one
_TAIL = (
    3_200  # samples kept after the last audible one: the pause between two sentences. nanotts leaves 0.5 s
)

_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f<>*_`#|~\ud800-\udfff]+")
"""Control characters end nanotts's input, angle brackets are its markup, the others are Markdown's."""


class Voice(Protocol):
    """A synthesizer. Blocking, and one call at a time: give it a queue."""

    @property
    def name(self) -> str: ...

    @property
    def voices(self) -> tuple[str, ...]:
        """What it can be asked for; the first is the default."""
        ...

    def speak(self, text: str, voice: str) -> Samples:
        """`text` at `MODEL_RATE`; empty when there is nothing to say. `voice` is one of `voices`."""
        ...


class NanoVoice:
    """SVOX Pico through nanotts: 20 ms a sentence."""

    name = "nanotts"
    voices = NANO_VOICES

    def __init__(self) -> None:
        # Imported by name: the package does not exist on macOS.
        self._nanotts = importlib.import_module("py_nanotts").NanoTTS()

    def speak(self, text: str, voice: str) -> Samples:
        return from_pcm(self._nanotts.speak(text, voice=voice))


class MacVoice:
    """The `say` of macOS."""

    name = "say"
    voices = MAC_VOICES

    def speak(self, text: str, voice: str) -> Samples:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            subprocess.run(  # noqa: S603  # no shell, and the text goes in by stdin
                [
                    "/usr/bin/say",
                    "-v",
                    voice,
                    "-o",
                    str(path),
                    "--file-format=WAVE",
                    "--data-format=LEI16@16000",
                ],
                input=text.encode(),
                check=True,
                timeout=20,
            )
            data = path.read_bytes()
        # `say` may put chunks of its own before the sound, and nothing else is called data.
        at = data.find(b"data")
        return from_pcm(data[at + 8 :]) if at >= 0 else np.zeros(0, dtype=np.float32)


def load_voice() -> Voice:
    return MacVoice() if sys.platform == "darwin" else NanoVoice()


class Speaker:
    """A `Voice` that no text and no voice name can upset."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self._unknown: set[str] = set()

    def choose(self, wanted: str | None) -> str:
        """The voice for a name that a client sent; the default, with one warning, for one we do not have."""
        voices = self.voice.voices
        if not wanted or wanted in _OTHERS_DEFAULTS:
            return voices[0]
        for name in voices:
            if name.lower() == wanted.lower().replace("_", "-"):
                return name
        if wanted not in self._unknown and len(self._unknown) < 100:
            self._unknown.add(wanted)
            logger.warning(
                "no such voice here; the default speaks",
                extra={"action": "voice_unknown", "voice": wanted[:80], "voices": ", ".join(voices)},
            )
        return voices[0]

    def speak(self, text: str, voice: str) -> Samples:
        """`text` without what cannot be spoken, and without the silence around it. Blocking."""
        spoken = _UNSPOKEN.sub(" ", text).strip()
        if not any(map(str.isalnum, spoken)):
            return np.zeros(0, dtype=np.float32)
        return _trim(self.voice.speak(spoken, voice))


_OTHERS_DEFAULTS = frozenset({"aura-2-andromeda-en", "aura-asteria-en", "alloy", "ash", "local"})
"""What the plugins and their users send when they chose nothing; not worth a warning."""


def _trim(samples: Samples) -> Samples:
    audible = np.flatnonzero(np.abs(samples) > _AUDIBLE)
    if not len(audible):
        return np.zeros(0, dtype=np.float32)
    return samples[max(0, audible[0] - _LEAD) : audible[-1] + _TAIL]
