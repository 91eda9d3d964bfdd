"""A plugin of a provider that does what a test tells it to: as livekit-agents' plugins are made, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectionError, APIConnectOptions, llm, stt, tts
from livekit.agents.utils import AudioBuffer

Step = str | float | Exception
"""Words, seconds to wait, or what goes wrong."""


class LLM(llm.LLM[Any]):
    """Answers each question with `steps`."""

    steps: Sequence[Step] = ()

    def __init__(self, **options: Any) -> None:
        super().__init__()
        if options.get("model") == "refused":
            raise ValueError("no such model, and your key is sesame")
        self.options = options
        self.n_asked = 0

    @property
    def model(self) -> str:
        return str(self.options.get("model", "acme-1"))

    @property
    def provider(self) -> str:
        return "acme"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        self.n_asked += 1
        return _Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Stream(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, LLM)
        for step in self._llm.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                delta = llm.ChoiceDelta(role="assistant", content=step)
                self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=delta))


class STT(stt.STT[Any]):
    def __init__(self, **options: Any) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self.options = options

    async def _recognize_impl(self, buffer: AudioBuffer, **_: Any) -> stt.SpeechEvent:
        raise APIConnectionError("no network")


class TTS(tts.TTS[Any]):
    """Fails, until `failures` were enough."""

    failures = 1_000

    def __init__(self, **options: Any) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=24_000, num_channels=1
        )
        self.options = options

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Silence(tts=self, input_text=text, conn_options=conn_options)


class _Silence(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        assert isinstance(self._tts, TTS)
        if self._tts.failures > 0:
            self._tts.failures -= 1
            raise APIConnectionError("no network")
        output_emitter.initialize(
            request_id="1", sample_rate=24_000, num_channels=1, mime_type="audio/pcm", stream=False
        )
        output_emitter.push(bytes(48_000))
