"""Two speech to texts as one: the chosen one hears, and another one while the chosen one fails.

Not livekit-agents' `stt.FallbackAdapter` (1.8.9): once a stream of its standby has begun, it never leaves it, and it
tries the chosen one a single time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    NotGivenOr,
    stt,
    vad,
)
from livekit.agents.utils import AudioBuffer, aio

logger = logging.getLogger(__name__)

OPTIONS = APIConnectOptions(max_retry=2, retry_interval=0.5, timeout=5.0)
"""Of each one. A hiccup passes within 0.6 s of trying again, and costs no change of ears."""

TRY_INTERVAL = 30.0
"""Seconds after which a chosen one that failed is let listen along."""

SETTLED = 2.0
"""Seconds in which neither hears anything, before the chosen one takes over: in the middle of a
sentence, it would be heard twice or never."""


class Ears(stt.STT[Any]):
    """Hears with `chosen`, and with `standby` from its failure until it has understood something again.

    Args:
        chosen: Is tried `OPTIONS.max_retry` times again before it counts as failed.
        standby: Closed by whoever made it, as `chosen` is.
        detector: Finds speech, for those that take whole sentences only.
    """

    def __init__(self, chosen: stt.STT[Any], standby: stt.STT[Any], *, detector: vad.VAD) -> None:
        self.chosen = _streaming(chosen, detector)
        self.standby = _streaming(standby, detector)
        self.on_change: Callable[[bool], None] = lambda is_back: None
        """Called with False when the chosen one has failed, and with True when it hears again."""
        self.begins_with = self.chosen
        """Who hears first in a new stream."""
        self._is_up = True
        self._both = (self.chosen, self.standby)
        able = [one.capabilities for one in self._both]
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True,
                interim_results=all(one.interim_results for one in able),
                diarization=all(one.diarization for one in able),
                aligned_transcript=able[0].aligned_transcript if able[1].aligned_transcript else False,
                keyterms=any(one.keyterms for one in able),
                chat_context=any(one.chat_context for one in able),
                manual_flush=all(one.manual_flush for one in able),
            )
        )
        self._recognize_metrics_needed = False  # each one tells its own
        for one in self._both:
            one.on("metrics_collected", self._on_metrics)

    @property
    def model(self) -> str:
        return self.begins_with.model

    @property
    def provider(self) -> str:
        return self.begins_with.provider

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _Stream(self, language=language, conn_options=conn_options)

    def tell(self, *, is_up: bool) -> None:
        """Say how the chosen one is. May be called twice."""
        if is_up is not self._is_up:
            self._is_up = is_up
            self.on_change(is_up)

    def prewarm(self) -> None:
        self.chosen.prewarm()

    async def aclose(self) -> None:
        for one in self._both:
            one.off("metrics_collected", self._on_metrics)
            if isinstance(one, stt.StreamAdapter):
                await one.aclose()

    async def _recognize_impl(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        """Of a whole sentence; the pipeline of a call asks for streams only."""
        return await self.begins_with.recognize(buffer, language=language, conn_options=conn_options)

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        for one in self._both:
            if one.capabilities.keyterms:
                one._update_session_keyterms(keyterms)

    def _push_conversation_item(self, ev: Any) -> None:
        for one in self._both:
            if one.capabilities.chat_context:
                one._push_conversation_item(ev)

    def _on_metrics(self, *told: Any) -> None:
        self.emit("metrics_collected", *told)


class _Ear:
    """One stream of one of them.

    Args:
        one: Whose.
        heard: Is told what it hears.
        language: As livekit-agents gives it.
        offset: Seconds of the call before the stream.
    """

    def __init__(
        self,
        one: stt.STT[Any],
        heard: Callable[[_Ear, stt.SpeechEvent], None],
        *,
        language: NotGivenOr[str],
        offset: float,
    ) -> None:
        self.one = one
        self.is_proven = asyncio.Event()
        """It has understood something."""
        self._heard = heard
        self._language = language
        self._offset = offset
        self._stream: stt.RecognizeStream | None = None
        self._early: list[object] = []  # came before there was a stream
        self._is_over = False

    async def listen(self) -> None:
        """Until the input is over, or it fails with whatever a plugin raises."""
        async with self.one.stream(language=self._language, conn_options=OPTIONS) as stream:
            stream.start_time_offset = self._offset
            self._stream = stream
            for data in self._early:
                self.push(data)
            if self._is_over:
                self.end()
            async for event in stream:
                self._heard(self, event)

    def push(self, data: object) -> None:
        """Give it sound, or the end of a part. One that has just failed loses it."""
        if self._stream is None:
            self._early.append(data)
            return
        with suppress(RuntimeError):  # closed; `listen` tells why
            if isinstance(data, rtc.AudioFrame):
                self._stream.push_frame(data)
            else:
                self._stream.flush()

    def end(self) -> None:
        """Say that there is no more."""
        self._is_over = True
        if self._stream is not None:
            with suppress(RuntimeError):
                self._stream.end_input()


class _Stream(stt.RecognizeStream):
    def __init__(self, ears: Ears, *, language: NotGivenOr[str], conn_options: APIConnectOptions) -> None:
        super().__init__(stt=ears, conn_options=conn_options)
        self._ears = ears
        self._language = language
        self._open: dict[_Ear, asyncio.Task[None]] = {}
        self._main: _Ear | None = None
        self._heard_at = float("-inf")
        self._is_over = False  # nothing more will be said

    async def _run(self) -> None:
        pump = asyncio.create_task(self._pump(), name="ears-input")
        ears = self._ears
        try:
            chosen = self._listen_with(ears.chosen) if ears.begins_with is ears.chosen else None
            while True:
                if chosen is not None:
                    self._main = chosen
                    why = await self._end_of(chosen)
                    if self._is_over:
                        return
                    ears.begins_with = ears.standby
                    ears.tell(is_up=False)
                    # The class only: what a provider says may quote a key, or a human.
                    logger.debug("the chosen one hears no more", extra={"error": type(why).__name__})
                chosen = await self._stand_by()
                if chosen is None:
                    return
        finally:
            await aio.cancel_and_wait(pump)
            for ear in tuple(self._open):
                await self._close(ear)

    async def _pump(self) -> None:
        async for data in self._input_ch:
            for ear in tuple(self._open):
                ear.push(data)
        self._is_over = True
        for ear in tuple(self._open):
            ear.end()

    async def _stand_by(self) -> _Ear | None:
        """Hear with the standby, until the chosen one is back or all is said.

        Returns:
            The chosen one's ear, which hears already; None = all is said.

        Raises:
            APIConnectionError: The standby fails, too. The chosen one is asked first then.
        """
        ears = self._ears
        ear = self._main = self._listen_with(ears.standby)
        back = asyncio.create_task(self._back(), name="ears-back")
        try:
            await asyncio.wait({back, self._open[ear]}, return_when=asyncio.FIRST_COMPLETED)
            if back.done():
                chosen = back.result()
                await self._close(ear)
                ears.begins_with = ears.chosen
                ears.tell(is_up=True)
                return chosen
        finally:
            await aio.cancel_and_wait(back)
        why = await self._end_of(ear)
        if why is None and self._is_over:
            return None
        ears.begins_with = ears.chosen
        # Not chained: the error is logged with its cause, whose words may quote a key.
        raise APIConnectionError(f"neither speech to text hears ({type(why).__name__})")

    async def _back(self) -> _Ear:
        """Let the chosen one listen along from time to time, until it has understood something and it is quiet."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TRY_INTERVAL)
            ear = self._listen_with(self._ears.chosen)
            task = self._open[ear]
            proven = asyncio.create_task(ear.is_proven.wait(), name="ears-proof")
            is_back = False
            try:
                await asyncio.wait({proven, task}, return_when=asyncio.FIRST_COMPLETED)
                while not task.done() and loop.time() < self._heard_at + SETTLED:
                    await asyncio.wait({task}, timeout=self._heard_at + SETTLED - loop.time() + _TICK)
                is_back = not task.done()
                if is_back:
                    return ear
            finally:
                await aio.cancel_and_wait(proven)
                if not is_back:
                    await self._close(ear)

    def _listen_with(self, one: stt.STT[Any]) -> _Ear:
        # livekit-agents counts a stream's times from its begin, on the wall clock.
        offset = self.start_time_offset + max(0.0, time.time() - self.start_time)
        ear = _Ear(one, self._on_heard, language=self._language, offset=offset)
        self._open[ear] = asyncio.create_task(ear.listen(), name="ears-listen")
        if self._is_over:
            ear.end()
        return ear

    async def _end_of(self, ear: _Ear) -> Exception | None:
        """Wait until `ear` hears no more, and say why; None = it has come to an end by itself."""
        task = self._open[ear]
        try:
            await asyncio.wait({task})
            error = None if task.cancelled() else task.exception()
        finally:
            await self._close(ear)
        return error if isinstance(error, Exception) else None

    async def _close(self, ear: _Ear) -> None:
        task = self._open.pop(ear, None)
        if task is None:
            return
        await aio.cancel_and_wait(task)
        if not task.cancelled():
            task.exception()  # looked at, or asyncio complains of it

    def _on_heard(self, ear: _Ear, event: stt.SpeechEvent) -> None:
        if event.type is stt.SpeechEventType.RECOGNITION_USAGE:
            return  # counted where it was used
        self._heard_at = asyncio.get_running_loop().time()
        if ear is self._main:
            self._event_ch.send_nowait(event)
        if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT and any(one.text for one in event.alternatives):
            ear.is_proven.set()
            if ear is self._main and ear.one is self._ears.chosen:
                self._ears.tell(is_up=True)  # after both had failed


_TICK = 0.001
"""Seconds past a moment that a timer may otherwise miss by its resolution."""


def _streaming(one: stt.STT[Any], detector: vad.VAD) -> stt.STT[Any]:
    return one if one.capabilities.streaming else stt.StreamAdapter(stt=one, vad=detector)
