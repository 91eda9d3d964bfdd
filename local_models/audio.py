"""Sound as samples: PCM bytes, sample rates and WAV files."""

from __future__ import annotations

import io
import math
import struct
import wave

import numpy as np
from numpy.typing import NDArray

from local_models.errors import RequestError

Samples = NDArray[np.float32]
"""Mono, -1 to 1."""

MODEL_RATE = 16_000
"""Samples a second that all speech models here take and give."""

_TAPS = 16  # input samples on each side of an output sample, at the lower of the two rates


def from_pcm(data: bytes, *, channels: int = 1) -> Samples:
    """Mono samples of s16le PCM. Bytes after the last whole frame are left out; channels are averaged."""
    width = 2 * channels
    whole = np.frombuffer(data[: len(data) // width * width], dtype="<i2").astype(np.float32)
    mono = whole.reshape(-1, channels).mean(axis=1) if channels > 1 else whole
    return (mono / 32768.0).astype(np.float32)


def to_pcm(samples: Samples) -> bytes:
    """s16le PCM; what is louder than full scale is clipped."""
    return bytes(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes())


class Resampler:
    """Another sample rate for a stream of samples, by windowed-sinc interpolation.

    The stream comes out as long as it went in; `flush` gives its last part, about a millisecond.
    """

    def __init__(self, *, from_rate: int, to_rate: int) -> None:
        common = math.gcd(from_rate, to_rate)
        self._up = to_rate // common
        self._down = from_rate // common
        self._is_needed = from_rate != to_rate
        # Below 1 the filter also removes what the lower rate cannot hold.
        cutoff = min(1.0, to_rate / from_rate)
        self._reach = math.ceil(_TAPS / cutoff)
        self._filters = _filters(self._up, reach=self._reach, cutoff=cutoff)
        self._input = np.zeros(self._reach, dtype=np.float32)
        self._phase = 0  # of the next output sample, in 1/up input samples after _input[reach]

    def push(self, samples: Samples) -> Samples:
        """The samples that can be told so far."""
        if not self._is_needed:
            return samples
        self._input = np.concatenate((self._input, samples))
        n_ready = len(self._input) - 2 * self._reach
        if n_ready <= 0:
            return np.zeros(0, dtype=np.float32)
        n_out = max(0, -((self._phase - n_ready * self._up) // self._down))
        positions = self._phase + self._down * np.arange(n_out)
        windows = np.lib.stride_tricks.sliding_window_view(self._input, 2 * self._reach + 1)
        result = np.einsum("ij,ij->i", windows[positions // self._up], self._filters[positions % self._up])
        next_position = self._phase + self._down * n_out
        used = min(next_position // self._up, n_ready)
        self._input = self._input[used:]
        self._phase = next_position - used * self._up
        return np.asarray(result, dtype=np.float32)

    def flush(self) -> Samples:
        """The rest. Nothing may be pushed afterwards."""
        return self.push(np.zeros(self._reach, dtype=np.float32))


def resample(samples: Samples, *, from_rate: int, to_rate: int) -> Samples:
    """A whole recording at another sample rate."""
    resampler = Resampler(from_rate=from_rate, to_rate=to_rate)
    return np.concatenate((resampler.push(samples), resampler.flush())) if from_rate != to_rate else samples


def read_wav(data: bytes) -> Samples:
    """A WAV file of 16-bit PCM as mono samples at `MODEL_RATE`; empty when it holds no sound.

    Raises:
        RequestError: It is not such a file.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, struct.error) as error:
        raise RequestError(f"the audio is not a WAV file ({error}); send 16-bit PCM in a WAV file",
                           code="invalid_audio") from error  # fmt: skip
    if width != 2:
        raise RequestError(f"the WAV file has {8 * width} bits a sample; send 16", code="invalid_audio")
    check_rate(rate)
    return resample(from_pcm(frames, channels=channels), from_rate=rate, to_rate=MODEL_RATE)


def to_wav(pcm: bytes, *, rate: int) -> bytes:
    """s16le mono PCM as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return buffer.getvalue()


def check_rate(rate: int) -> None:
    """Refuse a sample rate that no sound card has.

    Raises:
        RequestError: It is below 8000 or above 192000.
    """
    if not 8_000 <= rate <= 192_000:
        raise RequestError(
            f"sample rate {rate} must be 8000 to 192000", code="invalid_value", param="sample_rate"
        )


def _filters(up: int, *, reach: int, cutoff: float) -> Samples:
    """One filter for each of the `up` places that an output sample can have between two input samples."""
    offsets = np.arange(-reach, reach + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.where(np.abs(offsets) <= reach, 0.5 + 0.5 * np.cos(np.pi * offsets / reach), 0.0)
    filters = cutoff * np.sinc(cutoff * offsets) * window
    return np.asarray(filters / filters.sum(axis=1, keepdims=True), dtype=np.float32)
