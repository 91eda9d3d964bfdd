"""The production plugins against the local models, changed by nothing but a base URL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import llm, stt
from livekit.plugins import deepgram, openai
from openai import AsyncClient

from local_models.audio import Samples, to_pcm
from local_models.models import Models
from wire import DEFAULT_PROFILE

Said = Callable[[str], Samples]


def frame_of(samples: Samples) -> rtc.AudioFrame:
    return rtc.AudioFrame(to_pcm(samples), 16_000, 1, len(samples))


async def test_deepgram_hears_a_live_caller(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    plugin = deepgram.STT(base_url=f"{url}/v1/listen", api_key="local", http_session=http)
    events: list[stt.SpeechEvent] = []
    async with plugin.stream() as stream:
        stream.push_frame(frame_of(said("When is breakfast served?")))
        stream.end_input()
        async for event in stream:
            events.append(event)
    kinds = [e.type for e in events if e.type is not stt.SpeechEventType.RECOGNITION_USAGE]
    assert kinds[0] is stt.SpeechEventType.START_OF_SPEECH
    assert kinds[-1] is stt.SpeechEventType.END_OF_SPEECH
    final = next(e for e in events if e.type is stt.SpeechEventType.FINAL_TRANSCRIPT)
    assert "breakfast" in final.alternatives[0].text.lower()


async def test_deepgram_hears_a_recording(http: aiohttp.ClientSession, url: str, said: Said) -> None:
    plugin = deepgram.STT(base_url=f"{url}/v1/listen", api_key="local", http_session=http)
    event = await plugin.recognize(frame_of(said("When is breakfast served?")))
    assert "breakfast" in event.alternatives[0].text.lower()


async def test_deepgram_speaks_a_stream(http: aiohttp.ClientSession, url: str, models: Models) -> None:
    plugin = deepgram.TTS(base_url=f"{url}/v1/speak", api_key="local", http_session=http, sample_rate=16_000)
    async with plugin.stream() as stream:
        for text in ("Breakfast is served ", "in the garden. ", "Enjoy it."):
            stream.push_text(text)
        stream.end_input()
        frames = [audio.frame async for audio in stream]
    await plugin.aclose()
    from_pcm = rtc.combine_audio_frames(frames)
    assert 1.5 < from_pcm.duration < 5


async def test_deepgram_speaks_a_text(http: aiohttp.ClientSession, url: str) -> None:
    plugin = deepgram.TTS(base_url=f"{url}/v1/speak", api_key="local", http_session=http)
    async with plugin.synthesize("Breakfast is served in the garden.") as stream:
        frame = await stream.collect()
    await plugin.aclose()
    assert (frame.sample_rate, 1 < frame.duration < 4) == (24_000, True)


async def test_openai_answers(url: str) -> None:
    plugin = openai.LLM(base_url=f"{url}/v1", api_key="local", model="local", temperature=0)
    context = llm.ChatContext.empty()
    context.add_message(role="system", content=DEFAULT_PROFILE.prompt)
    for human, agent in DEFAULT_PROFILE.examples:
        context.add_message(role="user", content=human)
        context.add_message(role="assistant", content=agent)
    context.add_message(role="user", content="When is breakfast?")
    async with plugin.chat(chat_ctx=context) as stream:
        text = "".join([c.delta.content or "" async for c in stream if c.delta])
    await plugin.aclose()
    assert "seven" in text


@pytest.mark.parametrize("response_format", ["pcm", "wav", "mp3"])
async def test_openai_speaks(url: str, response_format: str) -> None:
    plugin = openai.TTS(base_url=f"{url}/v1", api_key="local", response_format=response_format)
    async with plugin.synthesize("Breakfast is served in the garden.") as stream:
        frame = await stream.collect()
    await plugin.aclose()
    assert 1 < frame.duration < 4


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-mini-transcribe"])
async def test_openai_hears_a_recording(url: str, said: Said, model: str) -> None:
    # With a client of its own the plugin would leave its connection open.
    async with AsyncClient(base_url=f"{url}/v1", api_key="local") as client:
        plugin = openai.STT(client=client, model=model, use_realtime=False)
        event = await plugin.recognize(frame_of(said("When is breakfast served?")))
        await plugin.aclose()
    assert "breakfast" in event.alternatives[0].text.lower()


async def test_closing_the_plugins_closes_their_sockets(
    http: aiohttp.ClientSession, url: str, said: Said
) -> None:
    plugin = deepgram.STT(base_url=f"{url}/v1/listen", api_key="local", http_session=http)
    stream = plugin.stream()
    stream.push_frame(frame_of(said("Hello there.")))
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(4):
        while True:
            async with http.get(f"{url}/status") as response:
                listen = (await response.json())["sockets"]["listen"]
            if listen["open"] == 0:
                break
    assert listen == {"open": 0, "opened": 1, "closed": 1}
