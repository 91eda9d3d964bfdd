from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from local_models.audio import Resampler, check_rate, from_pcm, read_wav, resample, to_pcm, to_wav
from local_models.errors import RequestError


def test_pcm_survives_both_ways() -> None:
    pcm = np.array([-32768, -1, 0, 1, 32767], dtype="<i2").tobytes()
    assert to_pcm(from_pcm(pcm)) == pcm


def test_what_is_too_loud_is_clipped() -> None:
    assert to_pcm(np.array([2.0, -2.0], dtype=np.float32)) == np.array([32767, -32768], dtype="<i2").tobytes()


def test_half_a_sample_is_left_out() -> None:
    assert len(from_pcm(b"\x00\x01\x02")) == 1


def test_channels_are_averaged() -> None:
    pcm = np.array([100, 300, -100, 100], dtype="<i2").tobytes()
    assert to_pcm(from_pcm(pcm, channels=2)) == np.array([200, 0], dtype="<i2").tobytes()


@pytest.mark.parametrize("from_rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("to_rate", [16_000, 24_000, 48_000])
def test_a_tone_keeps_its_pitch_and_level(from_rate: int, to_rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(from_rate) / from_rate).astype(np.float32)
    result = resample(tone, from_rate=from_rate, to_rate=to_rate)
    wanted = np.sin(2 * np.pi * 440 * np.arange(to_rate) / to_rate)
    assert abs(len(result) - to_rate) <= 1
    middle = slice(to_rate // 10, to_rate // 2)
    assert np.max(np.abs(result[middle] - wanted[middle])) < 0.01


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    tone = np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000).astype(np.float32)
    result = resample(tone, from_rate=48_000, to_rate=16_000)
    assert np.max(np.abs(result[1_000:15_000])) < 0.02


@pytest.mark.parametrize("rates", [(48_000, 16_000), (16_000, 24_000), (44_100, 16_000), (16_000, 16_000)])
@pytest.mark.parametrize("n", [1, 7, 441, 4_800])
def test_a_stream_in_pieces_is_the_same_as_in_one(rates: tuple[int, int], n: int) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 9_000 if n > 1 else 500).astype(np.float32)
    resampler = Resampler(from_rate=rates[0], to_rate=rates[1])
    pieces = [resampler.push(sound[at : at + n]) for at in range(0, len(sound), n)]
    whole = resample(sound, from_rate=rates[0], to_rate=rates[1])
    streamed = np.concatenate([*pieces, resampler.flush()])[: len(whole)]
    np.testing.assert_allclose(streamed, whole, atol=1e-6)


def test_a_wav_file_survives_both_ways() -> None:
    pcm = to_pcm(np.linspace(-1, 1, 100, dtype=np.float32))
    assert to_pcm(read_wav(to_wav(pcm, rate=16_000))) == pcm


def test_a_wav_file_without_sound_is_empty() -> None:
    assert len(read_wav(to_wav(b"", rate=48_000))) == 0


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a file at all" * 10, to_wav(b"\0\0", rate=16_000)[:30]])
def test_what_is_no_wav_file_is_refused(data: bytes) -> None:
    with pytest.raises(RequestError, match="not a WAV file"):
        read_wav(data)


def test_eight_bits_are_refused() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(16_000)
        file.writeframes(b"\x80" * 100)
    with pytest.raises(RequestError, match="8 bits"):
        read_wav(buffer.getvalue())


@pytest.mark.parametrize("rate", [0, 7_999, 192_001])
def test_a_rate_that_no_sound_card_has_is_refused(rate: int) -> None:
    with pytest.raises(RequestError, match=str(rate)):
        check_rate(rate)
