"""What a human has begun to say when the agent leaves is not lost, and nobody waits for what nobody says."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import llm

from tests.session.box import Box

pytestmark = pytest.mark.looptime

WAITS = 2.0
"""Seconds that livekit-agents then gives the last words to be transcribed."""


async def talking() -> Box:
    box = Box(greeting="")
    await box.start()
    box.comes("ann", "PA_1")
    return box


async def leaves(box: Box, *, hears_out: bool = True) -> float:
    box.conversation.leave(hears_out=hears_out)
    await box.stop()
    return box.session.waited_for_words


async def test_who_is_cut_off_in_the_middle_of_a_sentence_is_heard_out(looptime: float) -> None:
    box = await talking()
    box.session.user("speaking")
    assert await leaves(box) == WAITS


@pytest.mark.parametrize(("ago", "waited"), [(4.9, WAITS), (5.0, 0.0)], ids=["just now", "a cough"])
async def test_who_has_just_spoken_may_not_be_transcribed_yet(
    ago: float, waited: float, looptime: float
) -> None:
    box = await talking()
    box.session.user("speaking")
    await asyncio.sleep(2)
    box.session.user("listening")
    await asyncio.sleep(ago)
    assert await leaves(box) == waited


async def test_words_without_a_voice_count_too(looptime: float) -> None:
    box = await talking()
    box.session.hear("is there", is_final=False)
    assert await leaves(box) == WAITS


async def test_words_that_are_a_turn_are_not_waited_for(looptime: float) -> None:
    box = await talking()
    box.session.user("speaking")
    box.session.user("listening")
    box.session.hear("Is there a pool?")
    box.session.add(llm.ChatMessage(role="user", content=["Is there a pool?"]))
    assert await leaves(box) == 0.0


async def test_of_a_silent_human_nothing_is_waited_for(looptime: float) -> None:
    assert await leaves(await talking()) == 0.0


async def test_when_all_have_left_nothing_is_waited_for(looptime: float) -> None:
    box = await talking()
    box.session.user("speaking")
    box.leaves("ann")
    assert await leaves(box, hears_out=False) == 0.0


async def test_a_pipeline_that_somebody_else_closes_waits_while_a_human_is_there(looptime: float) -> None:
    box = await talking()
    assert box.session.options.session_close_transcript_timeout == WAITS
    box.leaves("ann")
    assert box.session.options.session_close_transcript_timeout == 0.0


async def test_who_leaves_says_nothing_more(looptime: float) -> None:
    box = await talking()
    box.conversation.leave(hears_out=True)
    assert box.session.n_interrupted == 1
    box.session.state("thinking")
    assert box.session.n_interrupted == 2
