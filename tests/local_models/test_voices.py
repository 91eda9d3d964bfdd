from __future__ import annotations

import logging

import numpy as np
import pytest

from local_models.audio import Samples
from local_models.voices import NanoVoice, Speaker
from tests.local_models.fakes import ToneVoice


@pytest.mark.parametrize("text", ["", " ", "...", "\x00", "日本", "😀", "<>", "\ud800", "**", "\n"])
def test_what_cannot_be_spoken_is_silence(text: str) -> None:
    speaker = Speaker(NanoVoice())
    assert len(speaker.speak(text, "en-US")) == 0


@pytest.mark.parametrize("voice", NanoVoice.voices)
def test_every_voice_speaks(voice: str) -> None:
    assert len(Speaker(NanoVoice()).speak("Hello.", voice)) > 4_000


@pytest.mark.parametrize("text", ["**Hello**", "Hello\x00 there", "<speed level='50'>Hello", "`Hello`"])
def test_markup_is_not_read_aloud(text: str) -> None:
    voice = ToneVoice()
    Speaker(voice).speak(text, "tone")
    spoken, _ = voice.spoken[0]
    assert not set(spoken) & set("*`<>\x00")


def test_silence_around_a_sentence_is_left_out() -> None:
    class Slow(ToneVoice):
        def speak(self, text: str, voice: str) -> Samples:
            return np.concatenate((np.zeros(8_000), np.ones(1_600), np.zeros(16_000))).astype(np.float32)

    assert len(Speaker(Slow()).speak("Hello.", "tone")) == 320 + 1_600 + 3_200 - 1


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, "en-US"), ("", "en-US"), ("en-GB", "en-GB"), ("EN_gb", "en-GB"), ("alloy", "en-US"),
        ("nobody", "en-US"),
    ],
)  # fmt: skip
def test_voices_by_name(wanted: str | None, chosen: str) -> None:
    assert Speaker(NanoVoice()).choose(wanted) == chosen


def test_a_voice_we_do_not_have_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    speaker = Speaker(ToneVoice())
    for wanted in ("zeus", "zeus", "alloy", "hera"):
        speaker.choose(wanted)
    assert [getattr(record, "voice", None) for record in caplog.records] == ["zeus", "hera"]
