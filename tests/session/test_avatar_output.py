"""When an avatar that was given sound has gone silent, and when it has not."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents.voice.io import _CaptureCancelledEvent

from session.avatar_output import STALL_LIMIT, AvatarOutput
from tests.session.fake_avatar import Sink

pytestmark = pytest.mark.looptime


class Cancelled(Sink):
    """As the queue of LiveKit's avatars: a first frame that is cancelled is told as an event of its own."""

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            event = _CaptureCancelledEvent(playback_position=0.0, interrupted=True)
            asyncio.get_running_loop().call_later(0.05, self._dispatch_playback_finished, event)


def frame_of(seconds: float) -> rtc.AudioFrame:
    n = int(seconds * 24_000)
    return rtc.AudioFrame(bytes(2 * n), sample_rate=24_000, num_channels=1, samples_per_channel=n)


def output_of(sink: Sink) -> tuple[AvatarOutput, list[float]]:
    loop = asyncio.get_running_loop()
    stalls: list[float] = []
    return AvatarOutput(sink, on_stalled=lambda: stalls.append(loop.time())), stalls


async def test_an_utterance_that_is_cut_off_before_it_began_is_no_silence(looptime: float) -> None:
    output, stalls = output_of(Cancelled())
    for _ in range(2):
        capturing = asyncio.create_task(output.capture_frame(frame_of(0.1)))
        await asyncio.sleep(0.02)
        capturing.cancel()
        await asyncio.sleep(0)
        output.flush()
        output.clear_buffer()
        await asyncio.sleep(0.1)
        assert output.is_quiet
    await asyncio.sleep(STALL_LIMIT - 0.1)
    capturing = asyncio.create_task(output.capture_frame(frame_of(0.1)))  # the next one is under way
    await asyncio.sleep(STALL_LIMIT)
    capturing.cancel()
    await asyncio.wait({capturing})
    assert stalls == []


async def test_an_utterance_with_a_gap_lasts_as_much_longer(looptime: float) -> None:
    output, stalls = output_of(Sink(is_prompt=False))
    await output.capture_frame(frame_of(0.5))
    await asyncio.sleep(8)  # the model thinks
    await output.capture_frame(frame_of(4))
    output.flush()
    await asyncio.sleep(4 + STALL_LIMIT - 0.1)
    assert stalls == []
    await asyncio.sleep(0.2)
    assert stalls == [pytest.approx(8 + 4 + STALL_LIMIT)]


async def test_a_long_utterance_that_was_cut_off_gives_the_next_one_no_time(looptime: float) -> None:
    sink = Sink(is_prompt=False)
    output, stalls = output_of(sink)
    await output.capture_frame(frame_of(30))
    output.flush()
    output.clear_buffer()
    sink.on_playback_finished(playback_position=1.0, interrupted=True)
    await output.capture_frame(frame_of(1))
    output.flush()
    await asyncio.sleep(20)
    assert stalls == [pytest.approx(1 + STALL_LIMIT)]


async def test_a_frozen_one_that_is_cut_off_has_5_seconds_however_much_was_left_to_say(
    looptime: float,
) -> None:
    output, stalls = output_of(Sink(is_prompt=False))
    await output.capture_frame(frame_of(30))
    output.flush()
    await asyncio.sleep(3)
    for _ in range(2):  # livekit-agents clears twice
        output.clear_buffer()
        await asyncio.sleep(1)
    await asyncio.sleep(STALL_LIMIT - 2 - 0.1)
    assert stalls == []
    await asyncio.sleep(0.2)
    assert stalls == [pytest.approx(3 + STALL_LIMIT)]


async def test_one_that_is_late_already_gets_no_more_time_by_being_cut_off(looptime: float) -> None:
    output, stalls = output_of(Sink(is_prompt=False))
    await output.capture_frame(frame_of(1))
    output.flush()
    await asyncio.sleep(4)
    output.clear_buffer()
    await asyncio.sleep(20)
    assert stalls == [pytest.approx(1 + STALL_LIMIT)]


async def test_one_that_is_cut_off_in_a_pause_of_the_model_has_its_5_seconds(looptime: float) -> None:
    sink = Sink(is_prompt=False)
    output, stalls = output_of(sink)
    await output.capture_frame(frame_of(0.5))
    await asyncio.sleep(20)
    output.flush()
    output.clear_buffer()
    await asyncio.sleep(STALL_LIMIT - 0.1)
    assert stalls == []
    sink.on_playback_finished(playback_position=0.5, interrupted=True)
    await asyncio.sleep(20)
    assert stalls == []


async def test_one_that_is_cut_off_and_says_so_is_not_hurried_through_what_it_says_next(
    looptime: float,
) -> None:
    sink = Sink(is_prompt=False)
    output, stalls = output_of(sink)
    await output.capture_frame(frame_of(30))
    output.flush()
    output.clear_buffer()
    await asyncio.sleep(1)
    sink.on_playback_finished(playback_position=1.0, interrupted=True)
    await output.capture_frame(frame_of(10))
    output.flush()
    await asyncio.sleep(10 + STALL_LIMIT - 0.1)
    assert stalls == []
    await asyncio.sleep(0.2)
    assert stalls == [pytest.approx(1 + 10 + STALL_LIMIT)]
