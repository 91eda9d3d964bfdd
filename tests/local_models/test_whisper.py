from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from local_models.audio import Samples
from local_models.models import Models
from local_models.whisper import NOTHING


@pytest.mark.parametrize("seconds", [2, 9.4, 9.6, 14, 19, 29])
def test_the_last_word_is_heard_at_any_length(
    models: Models, said: Callable[[str], Samples], seconds: float
) -> None:
    spoken = said("When is breakfast served?")[8_000:-16_000]
    quiet = np.random.default_rng(1).normal(0, 0.0005, int(seconds * 16_000)).astype(np.float32)
    quiet[-len(spoken) :] = spoken
    assert "breakfast" in models.transcriber.transcribe(quiet).text.lower()


@pytest.mark.parametrize("word", ["Yes.", "No.", "Okay.", "Stop.", "Thank you.", "Hello there."])
def test_a_single_word_is_heard(models: Models, said: Callable[[str], Samples], word: str) -> None:
    heard = models.transcriber.transcribe(said(word)[4_000:-12_000]).text
    assert word.strip(".").lower() in heard.lower()


@pytest.mark.parametrize("seconds", [0, 0.05, 0.5, 3, 12])
@pytest.mark.parametrize("level", [0, 0.001, 0.05, 0.3])
def test_noise_has_no_words(models: Models, seconds: float, level: float) -> None:
    noise = np.random.default_rng(1).normal(0, 1, int(seconds * 16_000)) * level
    assert models.transcriber.transcribe(noise.astype(np.float32)) == NOTHING
