from __future__ import annotations

import json
from typing import Any

import aiohttp
import numpy as np
import pytest

from local_models.audio import read_wav, to_wav
from local_models.models import Models
from tests.local_models.conftest import Serve
from tests.local_models.fakes import ToneVoice, fake_models


async def until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> tuple[bytes, dict[str, Any]]:
    """The sound until a message of this kind, and the message."""
    pcm = b""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            pcm += message.data
        elif (answer := json.loads(message.data))["type"] == kind:
            return pcm, answer
    raise AssertionError(f"the socket closed without {kind}")


async def test_words_become_speech_that_is_understood(
    http: aiohttp.ClientSession, url: str, models: Models
) -> None:
    async with http.ws_connect(f"{url}/v1/speak?encoding=linear16&sample_rate=24000") as socket:
        for word in ["Breakfast", "is", "served", "in", "the", "garden."]:
            await socket.send_json({"type": "Speak", "text": f"{word} "})
        await socket.send_json({"type": "Flush"})
        pcm, _ = await until(socket, "Flushed")
    assert "breakfast" in (await models.transcribe(read_wav(to_wav(pcm, rate=24_000)))).text.lower()


async def test_a_sentence_is_spoken_before_the_flush(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/speak?sample_rate=16000") as socket:
        assert (await socket.receive_json())["type"] == "Metadata"
        await socket.send_json({"type": "Speak", "text": "Hello there. How "})
        assert len(await socket.receive_bytes()) == 3_200


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
async def test_the_sample_rate_is_honoured(http: aiohttp.ClientSession, serve: Serve, rate: int) -> None:
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/speak?sample_rate={rate}") as socket:
        await socket.send_json({"type": "Speak", "text": "Hello."})
        await socket.send_json({"type": "Flush"})
        pcm, _ = await until(socket, "Flushed")
    assert len(pcm) / 2 / rate == pytest.approx(0.1, abs=0.001)


async def test_every_flush_is_answered_in_order(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/speak") as socket:
        for text in ("One.", "", "Three."):
            await socket.send_json({"type": "Speak", "text": text})
            await socket.send_json({"type": "Flush"})
        answers = [await until(socket, "Flushed") for _ in range(3)]
    assert [answer["sequence_id"] for _, answer in answers] == [0, 1, 2]
    assert [bool(pcm) for pcm, _ in answers] == [True, False, True]


async def test_clear_drops_what_was_not_spoken(http: aiohttp.ClientSession, serve: Serve) -> None:
    voice = ToneVoice()
    url = await serve(fake_models(voice=voice))
    async with http.ws_connect(f"{url}/v1/speak") as socket:
        await socket.send_json({"type": "Speak", "text": "Never"})
        await socket.send_json({"type": "Clear"})
        await until(socket, "Cleared")
        await socket.send_json({"type": "Flush"})
        pcm, _ = await until(socket, "Flushed")
    assert (pcm, voice.spoken) == (b"", [])


async def test_close_speaks_the_rest_first(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/speak?sample_rate=16000") as socket:
        await socket.send_json({"type": "Speak", "text": "Goodbye"})
        await socket.send_json({"type": "Close"})
        messages = [message async for message in socket]
    assert messages[-1].type is aiohttp.WSMsgType.BINARY
    assert socket.close_code == aiohttp.WSCloseCode.OK


async def test_a_voice_we_do_not_have_is_the_default(
    http: aiohttp.ClientSession, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    voice = ToneVoice()
    url = await serve(fake_models(voice=voice))
    for _ in range(2):
        async with http.post(f"{url}/v1/speak?model=aura-zeus-en", json={"text": "Hello."}) as response:
            assert response.status == 200
    assert [name for _, name in voice.spoken] == ["tone", "tone"]
    assert [getattr(r, "action", None) for r in caplog.records].count("voice_unknown") == 1


async def test_a_post_answers_pcm_or_a_file(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = await serve(fake_models())
    path = f"{url}/v1/speak?encoding=linear16&sample_rate=16000"
    async with http.post(f"{path}&container=none", json={"text": "One. Two."}) as response:
        pcm = await response.read()
        assert response.content_type == "audio/pcm"
    async with http.post(path, json={"text": "One. Two."}) as response:
        file = await response.read()
        assert response.content_type == "audio/wav"
    assert len(read_wav(file)) == len(pcm) / 2 == 3_200


async def test_openai_speech_is_pcm_at_24_khz_or_a_file(http: aiohttp.ClientSession, serve: Serve) -> None:
    url = await serve(fake_models())
    body = {"input": "Hello.", "model": "tts-1", "voice": "alloy"}
    async with http.post(f"{url}/v1/audio/speech", json={**body, "response_format": "pcm"}) as response:
        assert (response.content_type, len(await response.read())) == ("audio/pcm", 4_800)
    for response_format in ("wav", "mp3"):
        wanted = {**body, "response_format": response_format}
        async with http.post(f"{url}/v1/audio/speech", json=wanted) as response:
            assert response.content_type == "audio/wav"
            assert np.max(read_wav(await response.read())) > 0.4


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"text": 5}', b"{}", b'{"text": "' + b"a" * 70_000 + b'"}']
)
@pytest.mark.parametrize("path", ["/v1/speak", "/v1/audio/speech"])
async def test_a_wrong_body_is_refused(
    http: aiohttp.ClientSession, serve: Serve, path: str, body: bytes
) -> None:
    url = await serve(fake_models())
    async with http.post(url + path, data=body) as response:
        assert response.status == 400
        answer = await response.json()
    assert answer["err_msg"] if path == "/v1/speak" else answer["error"]["message"]


@pytest.mark.parametrize("query", ["encoding=mp3", "sample_rate=1", "sample_rate=x"])
async def test_a_wrong_parameter_is_refused(http: aiohttp.ClientSession, serve: Serve, query: str) -> None:
    url = await serve(fake_models())
    async with http.post(f"{url}/v1/speak?{query}", json={"text": "Hello."}) as response:
        assert response.status == 400
        assert "err_msg" in await response.json()


@pytest.mark.parametrize(
    "text", ["", "{", '{"type": "Speak"}', '{"type": "Speak", "text": 5}', '{"type": "Sing"}']
)
async def test_a_wrong_message_ends_the_socket_with_a_reason(
    http: aiohttp.ClientSession, serve: Serve, text: str
) -> None:
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/speak") as socket:
        await socket.send_str(text)
        _, answer = await until(socket, "Error")
        assert answer["err_msg"]
        await socket.receive()
        assert socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION
