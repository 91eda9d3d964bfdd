"""One live stream of sound: follows the speech in it, and has it transcribed in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from local_models.audio import MODEL_RATE, Resampler, Samples, from_pcm
from local_models.endpointing import Change, Endpointing, EndpointingLimits
from local_models.listen_options import ListenOptions
from local_models.models import Models
from local_models.vad import WINDOW
from local_models.whisper import NOTHING, Transcript

_INTERIM_PERIOD = round(0.6 * MODEL_RATE)
"""Samples of speech between two interim transcripts."""

_KEPT = MODEL_RATE
"""Samples kept while nobody speaks: the lead of the next piece is among them."""

_WINDOWS_ON_END = 32
"""Windows looked at before other streams get a turn, when a client sends faster than it speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    kind: Literal["speech_started", "interim", "final", "utterance_end"]
    start: float
    """Seconds from the beginning of the stream."""
    end: float
    transcript: Transcript = NOTHING
    is_speech_final: bool = False
    is_from_finalize: bool = False


class Hearing:
    """Hears one stream.

    The transcription begins as soon as silence does, and is thrown away when the speaker goes on: when
    the silence is confirmed, the final transcript is there already.

    Args:
        models: Shared with all other streams.
        options: Of this stream.
        tell: Gets what was heard; finals come in the order of speech.
    """

    def __init__(self, models: Models, options: ListenOptions, tell: Callable[[Heard], None]) -> None:
        self._models = models
        self._options = options
        self._tell = tell
        self._probability = models.vad.listen()
        limits = EndpointingLimits()
        self._endpointing = Endpointing(replace(limits, silence=options.endpointing or limits.silence))
        self._resampler = Resampler(from_rate=options.sample_rate, to_rate=MODEL_RATE)
        self._odd_bytes = b""
        self._sound = np.zeros(0, dtype=np.float32)  # from sample `_base` on
        self._base = 0
        self._now = 0  # samples that the endpointing has seen
        self._ahead: asyncio.Task[Transcript] | None = None  # of the present piece, begun at its pause
        self._interim: asyncio.Task[None] | None = None
        self._interim_at = 0
        self._utterance_end_at: int | None = None
        self._finals: asyncio.Queue[tuple[Heard, asyncio.Task[Transcript] | None]] = asyncio.Queue()

    @property
    def seconds(self) -> float:
        """Sound heard so far."""
        return self._now / MODEL_RATE

    async def run(self) -> None:
        """Tell the finals, one after the other, until cancelled."""
        while True:
            heard, transcript = await self._finals.get()
            self._tell(heard if transcript is None else replace(heard, transcript=await transcript))
            self._finals.task_done()

    async def push(self, data: bytes) -> None:
        """Take s16le PCM of any length; a sample may be split between two calls."""
        data = self._odd_bytes + data
        n_odd = len(data) % (2 * self._options.channels)
        self._odd_bytes = data[len(data) - n_odd :]
        samples = from_pcm(data[: len(data) - n_odd], channels=self._options.channels)
        self._sound = np.concatenate((self._sound, self._resampler.push(samples)))
        n_windows = 0
        while (window := self._cut(self._now, self._now + WINDOW)).size == WINDOW:
            self._hear(window)
            n_windows += 1
            if n_windows % _WINDOWS_ON_END == 0:
                await asyncio.sleep(0)
        self._forget()

    def finalize(self) -> None:
        """Transcribe what is there now, without waiting for silence."""
        start, end = self._endpointing.start, self._base + len(self._sound)
        was_speaking = self._endpointing.end(now=end)
        self._now = end  # the part of a window that is left belongs to this piece
        if was_speaking:
            self._finish_piece(start, end, is_speech_final=True, is_from_finalize=True)
        else:
            now = round(end / MODEL_RATE, 3)
            self._finals.put_nowait((Heard(kind="final", start=now, end=now, is_from_finalize=True), None))

    async def finish(self) -> None:
        """The stream has ended: transcribe the rest, and return when everything was told."""
        if self._endpointing.is_speaking:
            self.finalize()
        await self._finals.join()

    def close(self) -> None:
        """Stop all work. May be called twice."""
        self._drop_interim()
        self._drop_ahead()
        while not self._finals.empty():
            _, transcript = self._finals.get_nowait()
            if transcript is not None:
                transcript.cancel()

    def _hear(self, window: Samples) -> None:
        before = self._endpointing.start
        change = self._endpointing.push(self._probability(window))
        self._now += WINDOW
        endpointing = self._endpointing
        match change:
            case Change.STARTED:
                self._utterance_end_at = None
                self._interim_at = self._now + _INTERIM_PERIOD
                if self._options.vad_events:
                    at = round(endpointing.start / MODEL_RATE, 3)
                    self._tell(Heard(kind="speech_started", start=at, end=at))
            case Change.PAUSED:
                self._drop_interim()
                self._ahead = self._transcribe(endpointing.start, self._now)
            case Change.RESUMED:
                self._drop_ahead()
            case Change.CUT:
                self._finish_piece(before, self._now, is_speech_final=False)
            case Change.ENDED:
                self._finish_piece(before, endpointing.speech_end, is_speech_final=True)
                if self._options.utterance_end is not None:
                    wait = round(self._options.utterance_end * MODEL_RATE)
                    self._utterance_end_at = max(self._now, endpointing.speech_end + wait)
        if not endpointing.is_silent and self._now >= self._interim_at:
            self._begin_interim()
        if self._utterance_end_at is not None and self._now >= self._utterance_end_at:
            self._utterance_end_at = None
            end = round(endpointing.speech_end / MODEL_RATE, 3)
            self._finals.put_nowait((Heard(kind="utterance_end", start=end, end=end), None))

    def _finish_piece(
        self, start: int, end: int, *, is_speech_final: bool, is_from_finalize: bool = False
    ) -> None:
        self._drop_interim()
        if end <= start:  # since the last cut there was only silence
            end, transcript = start, None
        else:
            transcript = self._ahead or self._transcribe(start, self._now)
        self._ahead = None
        heard = Heard(
            kind="final",
            start=round(start / MODEL_RATE, 3),
            end=round(end / MODEL_RATE, 3),
            is_speech_final=is_speech_final and self._options.endpointing is not None,
            is_from_finalize=is_from_finalize,
        )
        self._finals.put_nowait((heard, transcript))

    def _transcribe(self, start: int, end: int) -> asyncio.Task[Transcript]:
        return asyncio.create_task(self._models.transcribe(self._cut(start, end)), name="listen-transcribe")

    def _begin_interim(self) -> None:
        self._interim_at = self._now + _INTERIM_PERIOD
        # Speculative work: only when no call waits for its final.
        if self._options.interim_results and self._interim is None and self._models.stt_queue.is_idle:
            start, end = self._endpointing.start, self._now
            self._interim = asyncio.create_task(self._tell_interim(start, end), name="listen-interim")

    async def _tell_interim(self, start: int, end: int) -> None:
        transcript = await self._models.transcribe(self._cut(start, end))
        self._interim = None
        if transcript.text:
            times = (round(start / MODEL_RATE, 3), round(end / MODEL_RATE, 3))
            self._tell(Heard(kind="interim", start=times[0], end=times[1], transcript=transcript))

    def _drop_interim(self) -> None:
        if self._interim is not None:
            self._interim.cancel()
            self._interim = None

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None

    def _cut(self, start: int, end: int) -> Samples:
        return self._sound[start - self._base : end - self._base]

    def _forget(self) -> None:
        first = self._endpointing.start if self._endpointing.is_speaking else self._now - _KEPT
        n_old = first - self._base
        if n_old > 0:
            self._sound = self._sound[n_old:]
            self._base = first
