"""What is said of failing providers, and how often."""

import logging
import wave

import pytest

from session.clips import Clip, frames
from session.trouble import Part, Trouble


@pytest.mark.parametrize(
    ("part", "clip"), [(Part.STT, Clip.HEARING), (Part.LLM, Clip.THINKING), (Part.TTS, Clip.SPEAKING)]
)
def test_each_part_has_its_words(part: Part, clip: Clip) -> None:
    assert Trouble().failed(part, "APIError", now=0) is clip


@pytest.mark.parametrize(("now", "said"), [(29.999, False), (30, True), (31, True)])
def test_they_are_said_every_30_seconds_at_most(now: float, said: bool) -> None:
    trouble = Trouble()
    trouble.failed(Part.LLM, "APIError", now=0)
    assert (trouble.failed(Part.LLM, "APIError", now=now) is not None) is said


def test_parts_do_not_silence_each_other() -> None:
    trouble = Trouble()
    trouble.failed(Part.LLM, "APIError", now=0)
    assert trouble.failed(Part.TTS, "APIError", now=1) is Clip.SPEAKING


def test_the_log_tells_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble()
    for now in range(5):
        trouble.failed(Part.STT, "APIError", now=now)
    assert trouble.failing == {Part.STT: "APIError"}
    for _ in range(5):
        trouble.worked(Part.STT)
    assert trouble.failing == {}
    assert [record.__dict__["action"] for record in caplog.records] == [
        "provider.failed",
        "provider.recovered",
    ]


def test_after_a_recovery_trouble_is_told_at_once() -> None:
    trouble = Trouble()
    trouble.failed(Part.STT, "APIError", now=0)
    trouble.worked(Part.STT)
    assert trouble.failed(Part.STT, "APIError", now=1) is Clip.HEARING


@pytest.mark.parametrize("clip", Clip)
async def test_every_clip_is_there_and_audible(clip: Clip) -> None:
    with wave.open(str(clip.path)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        seconds = sound.getnframes() / sound.getframerate()
    heard = [frame async for frame in frames(clip)]
    assert sum(frame.duration for frame in heard) == pytest.approx(seconds, abs=0.02)
    assert max(max(frame.data) for frame in heard) > 3_000
