"""Whole recordings to text: Deepgram's `POST /v1/listen` and OpenAI's `/v1/audio/transcriptions`."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

import numpy as np
from aiohttp import web

from local_models.answers import new_id
from local_models.audio import MODEL_RATE, Samples, read_wav
from local_models.endpointing import Change, Endpointing, EndpointingLimits
from local_models.errors import RequestError
from local_models.models import Models
from local_models.parameters import flag
from local_models.vad import WINDOW
from local_models.whisper import Transcript
from local_models.words import alternative

_LIMITS = EndpointingLimits(silence=0.6)
"""Nobody waits for the end of a turn here, and longer pieces are understood better."""

_RESPONSE_FORMATS = ("json", "text", "verbose_json")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    start: float
    end: float
    transcript: Transcript


async def listen(request: web.Request, models: Models) -> web.Response:
    """Deepgram: the body is a WAV file."""
    is_punctuated = flag(request.query, "punctuate") or flag(request.query, "smart_format")
    data = await request.read()
    if not data:
        raise RequestError("the body is empty; send a WAV file", code="bad_request")
    samples = await asyncio.to_thread(read_wav, data)
    pieces = await _transcribe(models, samples)
    parts = [
        alternative(piece.transcript, start=piece.start, end=piece.end, is_punctuated=is_punctuated)
        for piece in pieces
    ]
    whole = {
        "transcript": " ".join(str(part["transcript"]) for part in parts),
        "confidence": round(sum(p.transcript.confidence for p in pieces) / len(pieces), 4) if pieces else 0.0,
        "words": [word for part in parts for word in _words(part)],
    }
    return web.json_response(
        {
            "metadata": {
                "request_id": new_id(),
                "sha256": hashlib.sha256(data).hexdigest(),
                "duration": round(len(samples) / MODEL_RATE, 3),
                "channels": 1,
                "models": ["whisper-tiny.en"],
            },
            "results": {"channels": [{"alternatives": [whole], "detected_language": "en"}]},
        }
    )


async def transcriptions(request: web.Request, models: Models) -> web.Response:
    """OpenAI: a form with `file`, and perhaps `response_format`."""
    if not request.content_type.startswith("multipart/"):
        raise RequestError(
            "send the recording as multipart/form-data, in the part `file`", code="bad_request"
        )
    try:
        form = await request.post()
    except ValueError as error:
        raise RequestError(f"the form cannot be read ({error})", code="bad_request") from error
    answer_format = form.get("response_format", "json")
    if answer_format not in _RESPONSE_FORMATS:
        raise RequestError(
            f"response_format={str(answer_format)[:40]!r} must be one of {', '.join(_RESPONSE_FORMATS)}",
            code="invalid_value",
            param="response_format",
        )
    file = form.get("file")
    if not isinstance(file, web.FileField):
        raise RequestError(
            "the part `file` with a WAV file is missing", code="missing_parameter", param="file"
        )
    samples = await asyncio.to_thread(read_wav, await asyncio.to_thread(file.file.read))
    pieces = await _transcribe(models, samples)
    text = " ".join(piece.transcript.text for piece in pieces)
    if answer_format == "text":
        return web.Response(text=text + "\n")
    if answer_format == "json":
        return web.json_response({"text": text})
    return web.json_response(
        {
            "task": "transcribe",
            "language": "english",
            "duration": round(len(samples) / MODEL_RATE, 3),
            "text": text,
            "segments": [
                {"id": index, "start": piece.start, "end": piece.end, "text": piece.transcript.text}
                for index, piece in enumerate(pieces)
            ],
        }
    )


async def _transcribe(models: Models, samples: Samples) -> list[_Piece]:
    pieces: list[_Piece] = []
    for start, end in await asyncio.to_thread(_speech, models, samples):
        transcript = await models.transcribe(samples[start:end])
        if transcript.text:
            times = (round(start / MODEL_RATE, 3), round(end / MODEL_RATE, 3))
            pieces.append(_Piece(start=times[0], end=times[1], transcript=transcript))
    return pieces


def _speech(models: Models, samples: Samples) -> list[tuple[int, int]]:
    """First sample, and sample after the last, of each piece of speech."""
    probability = models.vad.listen()
    endpointing = Endpointing(_LIMITS)
    pieces: list[tuple[int, int]] = []
    padded = np.concatenate((samples, np.zeros(-len(samples) % WINDOW, dtype=np.float32)))
    start = 0
    for window in padded.reshape(-1, WINDOW):
        before = endpointing.start
        match endpointing.push(probability(window)):
            case Change.STARTED:
                start = endpointing.start
            case Change.CUT:
                pieces.append((before, endpointing.start))
                start = endpointing.start
            case Change.ENDED:
                pieces.append((start, min(endpointing.speech_end + 1_600, len(samples))))
    if endpointing.end(now=len(samples)):
        pieces.append((start, len(samples)))
    return pieces


def _words(part: dict[str, object]) -> list[object]:
    words = part["words"]
    return words if isinstance(words, list) else []
