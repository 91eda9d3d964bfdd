"""Text to sound over HTTP: Deepgram's `POST /v1/speak` and OpenAI's `/v1/audio/speech`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, StringConstraints

from local_models.answers import MAX_TEXT_BYTES, new_id
from local_models.audio import MODEL_RATE, resample, to_pcm, to_wav
from local_models.models import Models
from local_models.parameters import check_linear16, number, parse_body
from local_models.sentences import Sentences

OPENAI_RATE = 24_000
"""OpenAI's `pcm` is at this rate, and its plugin counts on it."""

DEEPGRAM_RATE = 24_000

_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_BYTES)]


class _SpeakRequest(BaseModel):
    text: _Text


class _SpeechRequest(BaseModel):
    input: _Text
    voice: str | None = None
    response_format: str = "mp3"


def rate_of(query: Mapping[str, str]) -> int:
    """The sample rate that a client of `/v1/speak` wants.

    Raises:
        RequestError: It, or the encoding, is one that we do not speak in.
    """
    check_linear16(query)
    return number(query, "sample_rate", default=DEEPGRAM_RATE, lowest=8_000, highest=48_000)


async def say(models: Models, text: str, *, voice: str, rate: int) -> bytes:
    """One sentence as s16le PCM; empty when there is nothing to say."""
    samples = await models.speak(text, voice)
    return to_pcm(resample(samples, from_rate=MODEL_RATE, to_rate=rate))


async def speak(request: web.Request, models: Models) -> web.StreamResponse:
    """Deepgram: ``{"text"}``; PCM as it is made, or with `container=wav` a file."""
    rate = rate_of(request.query)
    text = parse_body(_SpeakRequest, await request.read()).text
    voice = models.speaker.choose(request.query.get("model"))
    is_wav = request.query.get("container", "wav") == "wav"
    return await _respond(request, _pieces(models, text, voice=voice, rate=rate), rate=rate, is_wav=is_wav)


async def speech(request: web.Request, models: Models) -> web.StreamResponse:
    """OpenAI: ``{"input", "voice", "response_format"}``.

    Any format but `pcm` gets a WAV file, and the content type says so. The plugin's own default is mp3.
    """
    wanted = parse_body(_SpeechRequest, await request.read())
    voice = models.speaker.choose(wanted.voice)
    pieces = _pieces(models, wanted.input, voice=voice, rate=OPENAI_RATE)
    return await _respond(request, pieces, rate=OPENAI_RATE, is_wav=wanted.response_format != "pcm")


async def _pieces(models: Models, text: str, *, voice: str, rate: int) -> AsyncIterator[bytes]:
    sentences = Sentences()
    for sentence in (*sentences.push(text), *sentences.flush()):
        yield await say(models, sentence, voice=voice, rate=rate)


async def _respond(
    request: web.Request, pieces: AsyncIterator[bytes], *, rate: int, is_wav: bool
) -> web.StreamResponse:
    headers = {"dg-request-id": new_id()}
    if is_wav:  # its header has the length, so it cannot begin before the end is known
        pcm = b"".join([piece async for piece in pieces])
        return web.Response(body=to_wav(pcm, rate=rate), content_type="audio/wav", headers=headers)
    response = web.StreamResponse(headers={**headers, "Content-Type": "audio/pcm"})
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response
