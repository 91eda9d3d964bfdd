from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import numpy as np
import pytest

from local_models.audio import Samples, resample, to_pcm
from local_models.models import Models
from tests.local_models.conftest import Serve
from tests.local_models.fakes import HeldTranscriber, fake_models

Said = Callable[[str], Samples]
Answer = dict[str, Any]


async def listen(
    http: aiohttp.ClientSession,
    url: str,
    pcm: bytes,
    *,
    n_bytes: int = 3_200,
    query: str = "",
    end: str = "CloseStream",
) -> list[Answer]:
    """All answers to a stream that is sent faster than it was spoken."""
    path = f"{url}/v1/listen?encoding=linear16&punctuate=true&vad_events=true&endpointing=25{query}"
    async with http.ws_connect(path) as socket:
        await socket.send_json({"type": "KeepAlive"})
        for at in range(0, len(pcm), n_bytes):
            await socket.send_bytes(pcm[at : at + n_bytes])
        await socket.send_json({"type": end})
        return [json.loads(message.data) async for message in socket]


def finals(answers: list[Answer]) -> list[str]:
    return [text_of(a) for a in answers if a["type"] == "Results" and a["is_final"]]


def text_of(answer: Answer) -> str:
    return str(answer["channel"]["alternatives"][0]["transcript"])


async def test_a_sentence_is_heard(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    answers = await listen(http, url, to_pcm(said("When is breakfast served?")))
    kinds = [answer["type"] for answer in answers]
    assert kinds == ["SpeechStarted", "Results", "Metadata"]
    result = answers[1]
    assert "breakfast" in text_of(result).lower()
    assert result["is_final"]
    assert result["speech_final"]
    assert 0 < result["start"] < 0.6
    alternative = result["channel"]["alternatives"][0]
    assert 0 < alternative["confidence"] <= 1
    words = alternative["words"]
    assert [word["punctuated_word"] for word in words] == alternative["transcript"].split()
    assert all(word["start"] < word["end"] for word in words)
    assert words[-1]["end"] == pytest.approx(result["start"] + result["duration"], abs=0.01)
    assert result["metadata"]["request_id"] == answers[-1]["request_id"]
    assert answers[-1]["duration"] == pytest.approx(len(said("When is breakfast served?")) / 16_000, abs=0.04)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
async def test_any_sample_rate_is_heard(http: aiohttp.ClientSession, url: str, said: Said, rate: int) -> None:
    pcm = to_pcm(resample(said("Where is the swimming pool?"), from_rate=16_000, to_rate=rate))
    assert "swimming" in " ".join(finals(await listen(http, url, pcm, query=f"&sample_rate={rate}"))).lower()


async def test_two_channels_are_heard_as_one(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    one = np.frombuffer(to_pcm(said("Where is the swimming pool?")), dtype="<i2")
    pcm = np.repeat(one, 2).tobytes()
    assert "pool" in " ".join(finals(await listen(http, url, pcm, query="&channels=2"))).lower()


async def test_odd_byte_counts_lose_nothing(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    answers = await listen(http, url, to_pcm(said("Where is the swimming pool?")), n_bytes=1_601)
    assert "pool" in " ".join(finals(answers)).lower()


async def test_two_turns_are_two_finals(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    pcm = to_pcm(np.concatenate((said("Where is the swimming pool?"), said("When is breakfast served?"))))
    first, second = finals(await listen(http, url, pcm))
    assert "pool" in first.lower()
    assert "breakfast" in second.lower()


async def test_speech_without_an_end_is_heard_when_the_stream_closes(
    http: aiohttp.ClientSession, url: str, said: Said
) -> None:
    spoken = said("Where is the swimming pool?")[:30_000]
    assert "swimming" in " ".join(finals(await listen(http, url, to_pcm(spoken)))).lower()


async def test_finalize_answers_at_once_and_the_stream_goes_on(
    http: aiohttp.ClientSession, url: str, said: Said
) -> None:
    async with http.ws_connect(f"{url}/v1/listen?encoding=linear16&punctuate=true") as socket:
        for _ in range(2):
            await socket.send_bytes(to_pcm(said("Where is the swimming pool?")[:30_000]))
            await socket.send_json({"type": "Finalize"})
            answer = await socket.receive_json()
            assert "swimming" in text_of(answer).lower(), answer
            assert answer["from_finalize"], answer
        await socket.send_json({"type": "Finalize"})
        answer = await socket.receive_json()
        assert (text_of(answer), answer["from_finalize"]) == ("", True)


async def test_interim_results_come_where_asked(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    pcm = to_pcm(said("Where is the swimming pool?"))[: 2 * 22_400]  # in the middle of it
    async with http.ws_connect(f"{url}/v1/listen?encoding=linear16&interim_results=true") as socket:
        await socket.send_bytes(pcm)
        interim = await socket.receive_json()
        assert not interim["is_final"]
        assert not interim["speech_final"]
        assert text_of(interim)


async def test_the_end_of_an_utterance_is_told_where_asked(
    http: aiohttp.ClientSession, url: str, said: Said
) -> None:
    answers = await listen(http, url, to_pcm(said("Hello there, my friend.")), query="&utterance_end_ms=500")
    assert [a["type"] for a in answers] == ["SpeechStarted", "Results", "UtteranceEnd", "Metadata"]
    assert answers[2]["last_word_end"] == pytest.approx(
        answers[1]["start"] + answers[1]["duration"], abs=0.01
    )


async def test_a_client_that_wants_no_endpoints_gets_finals_only(
    http: aiohttp.ClientSession, url: str, said: Said
) -> None:
    pcm = to_pcm(said("When is breakfast served?"))
    async with http.ws_connect(f"{url}/v1/listen?endpointing=false") as socket:
        await socket.send_bytes(pcm)
        answer = await socket.receive_json()
    assert (answer["type"], answer["is_final"], answer["speech_final"]) == ("Results", True, False)
    assert text_of(answer) == text_of(answer).lower()  # and without `punctuate` it is plain


@pytest.mark.parametrize("kind", ["silence", "white noise", "hum", "clicks", "nothing", "one byte"])
async def test_what_is_not_speech_has_no_words(http: aiohttp.ClientSession, url: str, kind: str) -> None:
    random = np.random.default_rng(2)
    sound = {
        "silence": np.zeros(48_000),
        "white noise": random.normal(0, 0.2, 48_000),
        "hum": 0.3 * np.sin(2 * np.pi * 50 * np.arange(48_000) / 16_000),
        "clicks": 0.9 * (random.random(48_000) > 0.999),
    }.get(kind)
    pcm = b"" if sound is None else to_pcm(np.clip(sound, -1, 1).astype(np.float32))
    answers = await listen(http, url, b"\x01" if kind == "one byte" else pcm)
    assert "".join(finals(answers)) == ""
    assert answers[-1]["type"] == "Metadata"


async def test_four_calls_at_once_hear_their_own_words(
    http: aiohttp.ClientSession, url: str, said: Said
) -> None:
    words = {
        "breakfast": "When is breakfast served?",
        "pool": "Where is the swimming pool?",
        "morning": "Good morning, my friend.",
        "taxi": "Please call me a taxi.",
    }
    heard = await asyncio.gather(*(listen(http, url, to_pcm(said(text))) for text in words.values()))
    for word, answers in zip(words, heard, strict=True):
        assert word in " ".join(finals(answers)).lower()


@pytest.mark.parametrize(
    "query",
    [
        "encoding=mulaw", "sample_rate=0", "sample_rate=abc", "sample_rate=-1", "channels=0", "channels=99",
        "endpointing=soon", "interim_results=maybe", "utterance_end_ms=1e3", "sample_rate=" + "9" * 5_000,
    ],
)  # fmt: skip
async def test_a_wrong_parameter_is_refused_before_the_socket_opens(
    http: aiohttp.ClientSession, serve: Serve, query: str
) -> None:
    url = await serve(fake_models())
    async with http.get(f"{url}/v1/listen?{query}") as response:
        assert response.status == 400
        body = await response.json()
    assert set(body) == {"err_code", "err_msg", "request_id"}
    assert query.split("=", maxsplit=1)[0] in body["err_msg"].replace(" ", "_")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"type": "Dance"}', '{"type": ["KeepAlive"]}', "[" * 9_000]
)
async def test_a_wrong_message_ends_the_socket_with_a_reason(
    http: aiohttp.ClientSession, serve: Serve, text: str
) -> None:
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/listen") as socket:
        await socket.send_str(text)
        assert (await socket.receive_json())["type"] == "Error"
        await socket.receive()
        assert socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_caller_who_hangs_up_leaves_nothing_behind(
    http: aiohttp.ClientSession, serve: Serve, said: Said
) -> None:
    transcriber = HeldTranscriber()
    models: Models = fake_models(transcriber=transcriber)
    url = await serve(models)
    pcm = to_pcm(said("Hello there, my friend."))
    for _ in range(3):
        socket = await http.ws_connect(f"{url}/v1/listen?vad_events=true")
        await socket.send_bytes(pcm)
        assert (await socket.receive_json())["type"] == "SpeechStarted"
        await socket.close()
    transcriber.go.set()
    async with asyncio.timeout(4):
        while True:
            async with http.get(f"{url}/status") as response:
                status = await response.json()
            if status["sockets"]["listen"]["open"] == 0 and models.stt_queue.is_idle:
                break
    assert status["sockets"]["listen"] == {"open": 0, "opened": 3, "closed": 3}
    assert transcriber.n_calls <= 1
