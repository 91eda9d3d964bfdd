"""Two speech to texts as one: which of them hears, and what is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    APIError,
    APIStatusError,
    NotGivenOr,
    stt,
    vad,
)
from livekit.agents.utils import AudioBuffer

from session.ears import OPTIONS, SETTLED, TRY_INTERVAL, Ears

pytestmark = pytest.mark.looptime

GONE = APIConnectionError("your key sesame is used up")


class Fake(stt.STT[Any]):
    """Understands each word at once, unless it is dead."""

    def __init__(self, name: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.name = name
        self.dead: Exception | None = None
        """What a stream raises when it begins, or is given sound."""
        self.hiccups = 0
        """Streams that fail before one does not."""
        self.n_begun = 0
        self.n_open = 0

    @property
    def model(self) -> str:
        return self.name

    async def _recognize_impl(self, buffer: AudioBuffer, **_: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return _FakeStream(stt=self, conn_options=conn_options)


class _FakeStream(stt.RecognizeStream):
    async def _run(self) -> None:
        fake = cast(Fake, self._stt)
        fake.n_begun += 1
        fake.n_open += 1
        try:
            if fake.dead is not None:
                raise fake.dead
            async for data in self._input_ch:
                if fake.dead is not None:
                    raise fake.dead
                if fake.hiccups:
                    fake.hiccups -= 1
                    raise GONE
                if isinstance(data, rtc.AudioFrame):
                    said = stt.SpeechData(language=cast(Any, "en"), text=f"{fake.name}{data.data[0]}")
                    event = stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[said])
                    self._event_ch.send_nowait(event)
        finally:
            fake.n_open -= 1


class Heard:
    """A stream of a pair, in which words are said that are numbers."""

    def __init__(self) -> None:
        self.chosen, self.standby = Fake("c"), Fake("s")
        self.ears = Ears(self.chosen, self.standby, detector=cast(vad.VAD, None))
        self.changes: list[bool] = []
        self.ears.on_change = self.changes.append
        self.words: list[str] = []
        self.failed: list[stt.STTError] = []
        self.ears.on("error", self.failed.append)
        self.stream: Any = None

    async def say(self, *words: int, then: float = 0.0) -> None:
        for word in words:
            self.stream.push_frame(rtc.AudioFrame(word.to_bytes(2, "little") * 160, 16_000, 1, 160))
            await asyncio.sleep(0.01)
        await asyncio.sleep(then)

    async def read(self) -> None:
        async for event in self.stream:
            self.words.append(event.alternatives[0].text)


@asynccontextmanager
async def heard(*, max_retry: int = 0) -> AsyncIterator[Heard]:
    """The stream fails with `failed` if neither hears; nothing is left open after it."""
    one = Heard()
    async with one.ears.stream(conn_options=APIConnectOptions(max_retry=max_retry)) as one.stream:
        reading = asyncio.create_task(one.read())
        yield one
        with suppress(RuntimeError):  # it has failed
            one.stream.end_input()
        try:
            await reading
        except APIError:
            assert one.failed
    await one.ears.aclose()
    assert (one.chosen.n_open, one.standby.n_open) == (0, 0)


async def test_the_chosen_one_hears_and_the_standby_costs_nothing() -> None:
    async with heard() as one:
        await one.say(1, 2, then=300.0)
        await one.say(3)
    assert one.words == ["c1", "c2", "c3"]
    assert (one.changes, one.standby.n_begun) == ([], 0)
    assert one.ears.model == "c"


async def test_what_was_said_before_the_stream_began_is_heard() -> None:
    async with heard() as one:
        for word in (1, 2):
            one.stream.push_frame(rtc.AudioFrame(bytes([word, 0]) * 160, 16_000, 1, 160))
    assert one.words == ["c1", "c2"]


@pytest.mark.parametrize("times", [1, OPTIONS.max_retry])
async def test_a_hiccup_changes_nothing(times: int) -> None:
    async with heard() as one:
        await one.say(1)
        one.chosen.hiccups = times
        await one.say(*[2] * times, then=1.0)
        await one.say(3)
    assert one.words[0] == "c1"
    assert one.words[-1] == "c3"
    assert (one.changes, one.standby.n_begun) == ([], 0)


@pytest.mark.parametrize("raised", [GONE, APIStatusError("no", status_code=401), KeyError("sesame")])
async def test_the_standby_hears_when_the_chosen_one_is_lost(
    raised: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard() as one:
        await one.say(1)
        one.chosen.dead = raised
        await one.say(2, then=1.0)
        await one.say(3, 4)
        assert one.ears.model == "s"
    assert one.words == ["c1", "s3", "s4"]
    assert one.changes == [False]
    assert one.failed == []
    ours = [record for record in caplog.records if record.name.startswith("session.")]
    assert "sesame" not in str([record.__dict__ for record in ours])


async def test_it_comes_back_when_it_understands_again_and_nothing_is_heard_twice() -> None:
    async with heard() as one:
        one.chosen.dead = GONE
        await one.say(1, then=TRY_INTERVAL / 2)
        one.chosen.dead = None
        await one.say(2, then=TRY_INTERVAL)  # from now on both listen
        await one.say(3, then=SETTLED - 0.5)
        await one.say(4, then=SETTLED - 0.5)
        assert one.changes == [False], "somebody is talking"
        await asyncio.sleep(0.6)
        assert one.changes == [False, True]
        assert one.standby.n_open == 0
        await one.say(5, 6)
    assert one.words == ["s2", "s3", "s4", "c5", "c6"]


async def test_it_is_tried_for_as_long_as_it_takes() -> None:
    async with heard() as one:
        one.chosen.dead = APIStatusError("no", status_code=401)  # is not asked twice
        await one.say(1, then=TRY_INTERVAL / 2)
        await asyncio.sleep(10 * TRY_INTERVAL)
        assert one.chosen.n_begun == 11
        one.chosen.dead = None
        await asyncio.sleep(TRY_INTERVAL)
        assert one.changes == [False], "it has connected, and may understand nothing"
        await one.say(2, then=SETTLED + 0.1)
        assert one.changes == [False, True]
        one.chosen.dead = GONE
        await one.say(3, then=1.0)
        await one.say(4)
        assert one.changes == [False, True, False]
    assert one.words == ["s2", "s4"]


async def test_when_neither_hears_the_call_is_told_and_the_chosen_one_is_asked_first() -> None:
    async with heard(max_retry=2) as one:
        one.chosen.dead = one.standby.dead = GONE
        await one.say(1, then=2.0)
        assert [(error.recoverable, type(error.error)) for error in one.failed] == [
            (True, APIConnectionError)
        ]
        assert "sesame" not in str(one.failed[0].error)
        one.chosen.dead = None
        await one.say(2, then=3.0)
        await one.say(3)
        assert one.changes == [False, True]
    assert one.words[-1] == "c3"


async def test_a_failure_of_both_that_lasts_ends_the_stream() -> None:
    async with heard() as one:
        one.chosen.dead = one.standby.dead = GONE
        await one.say(1, then=5.0)
    assert [error.recoverable for error in one.failed] == [False]


async def test_it_ends_at_once_while_both_listen() -> None:
    async with heard() as one:
        one.chosen.dead = GONE
        await one.say(1, then=1.0)
        one.chosen.dead = None
        await one.say(2, then=TRY_INTERVAL)
        assert (one.chosen.n_open, one.standby.n_open) == (1, 1)
        await one.say(3)
    assert one.words == ["s2", "s3"]
    await one.ears.aclose()
