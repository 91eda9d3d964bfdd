"""What was said in a piece of speech: whisper tiny.en through CTranslate2."""

from __future__ import annotations

import logging
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_ctranslate2_storage

from local_models.audio import MODEL_RATE, Samples

logger = logging.getLogger(__name__)

_FRAMES_PER_SECOND = 100
_WINDOWS = (10, 15, 20, 30)
"""Seconds of sound that the encoder may be given. Whisper was trained on 30; at 10 it hears as well and is
six times faster (0.07 s instead of 0.41 s), at 5 it begins to repeat itself. Measured with five sentences."""

_MARGIN = 0.5  # seconds of silence after the speech: without it the last word gets lost
_TOKENS_PER_SECOND = 12  # nobody speaks faster, so an answer that does is a loop
_LONGEST_ANSWER = 200

_NO_SPEECH = 0.7  # noise, hum and clicks are measured at 0.79 to 0.97, a lone "Seven." at 0.50
_LOWEST_CONFIDENCE = -2.5  # mean log probability; white noise is measured at -3.3, a lone "Okay." at -1.8
_REPETITION = 2.4  # OpenAI's own threshold of zlib's ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    text: str
    """Empty when nothing was said."""
    confidence: float
    """0 to 1: the mean probability of a token."""


NOTHING = Transcript(text="", confidence=0.0)


class Whisper:
    """The model. Blocking, and one call at a time: give it a queue.

    The encoder is driven directly and not through `WhisperModel.transcribe`, which always encodes 30 s.
    """

    def __init__(self, folder: Path) -> None:
        self._whisper = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
        )
        token = self._whisper.hf_tokenizer.token_to_id
        self._prompt = [token("<|startoftranscript|>"), token("<|notimestamps|>")]

    def transcribe(self, speech: Samples) -> Transcript:
        """The words of at most 29 s of speech; `NOTHING` when it is noise or silence after all."""
        seconds = len(speech) / MODEL_RATE
        if seconds < 0.1:
            return NOTHING
        window = next((w for w in _WINDOWS if w >= seconds + _MARGIN), _WINDOWS[-1])
        transcript = self._decode(speech, window)
        if transcript is None:
            logger.debug("whisper repeated itself", extra={"action": "transcription_retried"})
            transcript = self._decode(speech, _WINDOWS[-1])
        return transcript or NOTHING

    def _decode(self, speech: Samples, window: int) -> Transcript | None:
        """None = the model repeated itself."""
        n_frames = window * _FRAMES_PER_SECOND
        features = self._whisper.feature_extractor(speech)[:, :n_frames]
        padded = np.zeros((1, features.shape[0], n_frames), dtype=np.float32)
        padded[0, :, : features.shape[1]] = features
        n_tokens = min(_LONGEST_ANSWER, 8 + round(_TOKENS_PER_SECOND * len(speech) / MODEL_RATE))
        result = self._whisper.model.generate(
            self._whisper.model.encode(get_ctranslate2_storage(padded)),
            [self._prompt],
            beam_size=1,
            max_length=len(self._prompt) + n_tokens,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = result.sequences_ids[0]
        score = result.scores[0]
        text = self._whisper.hf_tokenizer.decode(tokens).strip()
        if (
            result.no_speech_prob > _NO_SPEECH
            or score < _LOWEST_CONFIDENCE
            or not any(map(str.isalnum, text))
        ):
            return NOTHING
        raw = text.encode()
        if len(tokens) >= n_tokens or len(raw) / len(zlib.compress(raw)) > _REPETITION:
            return None
        return Transcript(text=text, confidence=math.exp(score))
