from __future__ import annotations

import numpy as np
import pytest

from stack.caller import SAMPLE_RATE, Sound, speak
from stack.caller.ears import Frame
from stack.caller.voice import AUDIBLE, noise, rms


def sound(*audible: bool, start: float = 10.0) -> Sound:
    """Frames of one second each, for round numbers."""
    heard = Sound()
    for second, is_audible in enumerate(audible):
        heard.add(Frame(start + second, is_audible, bytes([second, 0])))
    return heard


def test_the_first_audible_moment_is_at_or_after_the_mark() -> None:
    heard = sound(False, True, True, False, True)
    assert heard.first_audible(10) == 11
    assert heard.first_audible(11) == 11
    assert heard.first_audible(12.5) == 14
    assert heard.first_audible(14.1) is None


@pytest.mark.parametrize(
    ("now", "ended_at"), [(12.9, None), (13.0, 12), (99.0, 12)], ids=["before", "at", "after"]
)
def test_speech_has_ended_after_a_pause(now: float, ended_at: float | None) -> None:
    assert sound(False, True, True, False).end_of_speech(10, now=now, pause=1) == ended_at


def test_nothing_said_has_no_end() -> None:
    assert sound(False, False).end_of_speech(10, now=99, pause=1) is None


def test_the_samples_between_two_moments() -> None:
    assert sound(True, True, True).pcm(11, 12) == bytes([1, 0, 2, 0])


def test_silence_is_not_audible_and_speech_is() -> None:
    assert rms(np.zeros(320, dtype=np.int16)) < AUDIBLE
    assert rms(np.zeros(0, dtype=np.int16)) == 0
    assert rms(np.frombuffer(speak("Hello."), dtype=np.int16)) > AUDIBLE


def test_speech_begins_and_ends_with_sound() -> None:
    samples = np.frombuffer(speak("When is breakfast served?"), dtype=np.int16)
    frame = SAMPLE_RATE // 50
    assert rms(samples[:frame]) >= AUDIBLE
    assert rms(samples[-frame:]) >= AUDIBLE
    assert 0.8 < len(samples) / SAMPLE_RATE < 2.5


def test_noise_is_audible_and_the_same_each_time() -> None:
    samples = np.frombuffer(noise(0.5), dtype=np.int16)
    assert len(samples) == SAMPLE_RATE / 2
    assert AUDIBLE < rms(samples) < 10 * AUDIBLE
    assert noise(0.5) == noise(0.5)
