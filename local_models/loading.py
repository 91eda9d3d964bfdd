"""From weights on disk to models that answer at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from local_models import weights
from local_models.audio import MODEL_RATE
from local_models.chat import MODEL_NAME
from local_models.language_model import LanguageModel, Message, Sampling
from local_models.models import Models
from local_models.vad import WINDOW, Silero, find_model
from local_models.voices import Speaker, load_voice
from local_models.whisper import Whisper
from wire import DEFAULT_PROFILE


def load_models(root: Path, *, say: Callable[[str], None]) -> Models:
    """All models, each after a first inference. Blocking: 3 s, and 2 s more to read the hashes the first time.

    Args:
        root: The cache folder.
        say: Takes one line of progress.

    Raises:
        StartError: Weights are missing or wrong, or a package is.
    """
    for each in weights.ALL:
        weights.verify(each, weights.folder_of(each, root))
    started_at = time.monotonic()

    def done(what: str) -> None:
        say(f"{what} is ready ({time.monotonic() - started_at:.1f} s)")

    vad = Silero(find_model())
    vad.listen()(np.zeros(WINDOW, dtype=np.float32))
    whisper = Whisper(weights.folder_of(weights.WHISPER, root))
    whisper.transcribe(np.zeros(MODEL_RATE, dtype=np.float32))
    done("speech to text")
    speaker = Speaker(load_voice())
    speaker.speak("Hello.", speaker.voice.voices[0])
    done("text to speech")
    file_name, _ = weights.SMOLLM2.files[0]
    language_model = LanguageModel(weights.folder_of(weights.SMOLLM2, root) / file_name)
    language_model.answer(_first_conversation(), Sampling(max_tokens=1), lambda _: False)
    done("the language model")
    return Models(vad=vad, transcriber=whisper, answerer=language_model, speaker=speaker)


def names_of(models: Models) -> dict[str, str]:
    return {"stt": "whisper-tiny.en", "llm": MODEL_NAME, "tts": models.speaker.voice.name}


def _first_conversation() -> list[Message]:
    """The default profile's: its prompt stays in the cache, which saves the first caller two seconds."""
    messages = [Message(role="system", content=DEFAULT_PROFILE.prompt)]
    for human, agent in DEFAULT_PROFILE.examples:
        messages.append(Message(role="user", content=human))
        messages.append(Message(role="assistant", content=agent))
    return [*messages, Message(role="user", content="Hello.")]
