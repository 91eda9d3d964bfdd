from __future__ import annotations

import io
from collections.abc import Callable

import aiohttp
import numpy as np
import pytest

from local_models.answers import MAX_BODY_BYTES
from local_models.audio import Samples, resample, to_pcm, to_wav
from tests.local_models.conftest import Serve
from tests.local_models.fakes import fake_models

Said = Callable[[str], Samples]


def wav(samples: Samples, rate: int = 16_000) -> bytes:
    return to_wav(to_pcm(resample(samples, from_rate=16_000, to_rate=rate)), rate=rate)


def form(data: bytes, **fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", data, filename="file.wav", content_type="audio/wav")
    for name, value in fields.items():
        form.add_field(name, value)
    return form


async def test_deepgram_hears_a_file(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    both = np.concatenate((said("Where is the swimming pool?"), said("When is breakfast served?")))
    async with http.post(f"{url}/v1/listen?punctuate=true", data=wav(both, 48_000)) as response:
        answer = await response.json()
    alternative = answer["results"]["channels"][0]["alternatives"][0]
    assert "pool" in alternative["transcript"].lower()
    assert "breakfast" in alternative["transcript"].lower()
    assert " ".join(word["punctuated_word"] for word in alternative["words"]) == alternative["transcript"]
    assert answer["metadata"]["duration"] == pytest.approx(len(both) / 16_000, abs=0.01)


async def test_a_minute_of_speech_is_heard_to_its_end(
    http: aiohttp.ClientSession, url: str, said: Said
) -> None:
    # Different ones: a model that hears one sentence again and again goes on with it by itself.
    sentences = ("Where is the swimming pool?", "There is a dog in the garden.", "I would like a cup of coffee.",
                 "Please call a taxi to the airport.")  # fmt: skip
    spoken = [said(sentence) for sentence in sentences] * 5 + [said("When is breakfast served?")]
    assert sum(map(len, spoken)) > 40 * 16_000
    async with http.post(f"{url}/v1/listen", data=io.BytesIO(wav(np.concatenate(spoken)))) as response:
        alternative = (await response.json())["results"]["channels"][0]["alternatives"][0]
    heard = alternative["transcript"].lower()
    # A small ear takes a word for another one now and then.
    assert all(4 <= heard.count(word) <= 5 for word in ("swimming", "garden", "coffee", "airport")), heard
    assert heard.endswith("served")


@pytest.mark.parametrize("response_format", ["json", "text", "verbose_json"])
async def test_openai_hears_a_file(
    http: aiohttp.ClientSession, url: str, said: Said, response_format: str
) -> None:
    data = form(wav(said("When is breakfast served?")), model="whisper-1", response_format=response_format)
    async with http.post(f"{url}/v1/audio/transcriptions", data=data) as response:
        answer = {"text": await response.text()} if response_format == "text" else await response.json()
    assert "breakfast" in answer["text"].lower()
    assert ("segments" in answer) == (response_format == "verbose_json")


async def test_noise_and_silence_have_no_words(http: aiohttp.ClientSession, url: str) -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, 32_000).astype(np.float32)
    for samples in (noise, np.zeros(32_000, dtype=np.float32), np.zeros(0, dtype=np.float32)):
        async with http.post(f"{url}/v1/listen", data=wav(samples)) as response:
            answer = await response.json()
        alternative = answer["results"]["channels"][0]["alternatives"][0]
        assert alternative == {"transcript": "", "confidence": 0.0, "words": []}


@pytest.mark.parametrize("data", [b"", b"\x00", b"no sound"])
async def test_what_is_no_sound_is_refused(http: aiohttp.ClientSession, serve: Serve, data: bytes) -> None:
    url = await serve(fake_models())
    async with http.post(f"{url}/v1/listen", data=data) as response:
        assert response.status == 400
        assert "WAV" in (await response.json())["err_msg"]
    async with http.post(f"{url}/v1/audio/transcriptions", data=form(data)) as response:
        assert response.status == 400
        assert "WAV" in (await response.json())["error"]["message"]


async def test_a_wrong_form_is_refused(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = f"{await serve(fake_models())}/v1/audio/transcriptions"
    no_file = aiohttp.FormData({"model": "whisper-1"}, default_to_multipart=True)
    for data in (no_file, form(b"", response_format="srt"), b"text"):
        async with http.post(url, data=data) as response:
            assert response.status == 400
            assert (await response.json())["error"]["message"]
    async with http.post(url, data=b"x", headers={"Content-Type": "multipart/form-data"}) as response:
        assert response.status == 400


async def test_a_body_that_is_too_large_is_refused(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = await serve(fake_models())
    async with http.post(f"{url}/v1/listen", data=io.BytesIO(bytes(MAX_BODY_BYTES + 1))) as response:
        assert response.status == 413
        assert "25 MB" in (await response.json())["err_msg"]
