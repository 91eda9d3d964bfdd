"""What is said while an interpreter speaks is translated when it has finished, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession, UserInputTranscribedEvent

from session.held_turns import MARGIN, UNFINISHED_LIMIT, HeldTurns
from session.written import TakesText

pytestmark = pytest.mark.looptime

MAX_DELAY = 1.5


class FakeSession:
    """What livekit-agents does with turns: one that ends while it speaks goes on growing until it is committed."""

    def __init__(self, held: HeldTurns, *, speech: float = 4.0) -> None:
        self.held = held
        self.speech = speech
        self.options = SimpleNamespace(endpointing={"max_delay": MAX_DELAY})
        self.current_speech: object = None
        self.user_state = "listening"
        self.translated: list[tuple[str, float]] = []
        self.is_closing = False
        self.handlers: dict[str, Callable[[Any], None]] = {}
        self.write = held.take_text
        self._turn: list[str] = []

    def on(self, event: str, handler: Callable[[Any], None]) -> None:
        self.handlers[event] = handler

    def user(self, state: str) -> None:
        self.user_state = state
        self.handlers["user_state_changed"](SimpleNamespace(new_state=state))

    def hear(self, text: str, *, is_final: bool = True) -> None:
        if is_final:
            self._turn.append(text)
        event = UserInputTranscribedEvent(transcript=text, is_final=is_final)
        self.handlers["user_input_transcribed"](event)

    async def say(self, text: str) -> None:
        """A sentence of a second, and the pause after which livekit-agents would end the turn."""
        self.user("speaking")
        await asyncio.sleep(1)
        self.user("listening")
        self.hear(text)
        await asyncio.sleep(0.5)
        if self.user_state != "speaking" and self.current_speech is None:
            self.commit_user_turn(transcript_timeout=0, stt_flush_duration=0)

    def commit_user_turn(self, *, transcript_timeout: float, stt_flush_duration: float) -> None:
        if self.is_closing:
            raise RuntimeError("AgentSession isn't running")
        assert self.current_speech is None
        if self._turn:
            self.held.taken()
            text, self._turn = " ".join(self._turn), []
            self.generate_reply(user_input=text)

    def generate_reply(self, *, user_input: str) -> None:
        if self.is_closing:
            raise RuntimeError("AgentSession isn't running")
        loop = asyncio.get_running_loop()
        self.translated.append((user_input, loop.time()))
        self.current_speech = object()
        loop.call_later(self.speech, self.fall_silent)

    def fall_silent(self) -> None:
        self.current_speech = None


def begun(**options: Any) -> tuple[HeldTurns, FakeSession]:
    held = HeldTurns()
    session = FakeSession(held, **options)
    held.begin(cast("AgentSession[None]", session), cast(rtc.Room, None))
    return held, session


def texts(session: FakeSession) -> list[str]:
    return [text for text, _ in session.translated]


async def test_two_sentences_a_breath_apart_are_translated_in_their_order_and_once(looptime: float) -> None:
    held, session = begun()
    await held.ready()
    await session.say("The pool is closed.")
    await asyncio.sleep(0.3)
    await session.say("Breakfast is at seven.")
    await asyncio.sleep(20)
    assert texts(session) == ["The pool is closed.", "Breakfast is at seven."]
    assert session.translated[1][1] == pytest.approx(1.5 + 4, abs=0.2), "as soon as the first one is spoken"
    await held.aclose()


async def test_all_that_was_said_while_it_spoke_is_one_turn(looptime: float) -> None:
    held, session = begun(speech=10.0)
    for word in ("One.", "Two.", "Three."):
        await session.say(word)
    await asyncio.sleep(30)
    assert texts(session) == ["One.", "Two. Three."]
    await held.aclose()


async def test_who_still_speaks_when_it_falls_silent_is_not_cut_in_two(looptime: float) -> None:
    held, session = begun(speech=2.0)
    await session.say("One.")
    await session.say("Two")
    session.user("speaking")
    await asyncio.sleep(5)
    assert texts(session) == ["One."]
    await session.say("and three.")
    await asyncio.sleep(5)
    assert texts(session) == ["One.", "Two and three."]
    await held.aclose()


async def test_a_turn_that_may_still_be_taken_by_itself_is_left_alone(looptime: float) -> None:
    held, session = begun()
    session.user("listening")
    session.hear("One.")
    await asyncio.sleep(MAX_DELAY + MARGIN - 0.1)
    assert texts(session) == []
    await asyncio.sleep(0.3)
    assert texts(session) == ["One."]
    await held.aclose()


async def test_words_that_may_change_are_waited_for_in_bounded_time(looptime: float) -> None:
    held, session = begun()
    session.hear("One.")
    session.hear("tw", is_final=False)
    session.hear(" ", is_final=False)
    await asyncio.sleep(UNFINISHED_LIMIT - 0.1)
    assert texts(session) == []
    await asyncio.sleep(0.3)
    assert texts(session) == ["One."]
    await held.aclose()


async def test_what_is_written_cuts_nothing_off_and_waits_its_turn(looptime: float) -> None:
    held, session = begun()
    assert isinstance(held, TakesText), "the conversation gives it what is written"
    session.write("Good evening.")
    assert session.translated == [("Good evening.", 0.0)]
    session.write("A table for two.")
    session.write("By the window.")
    await session.say("Thank you.")
    await asyncio.sleep(20)
    assert texts(session) == ["Good evening.", "A table for two.\nBy the window.", "Thank you."]
    await held.aclose()


async def test_it_ends_with_its_pipeline(looptime: float) -> None:
    held, session = begun()
    session.is_closing = True
    session.write("Too late.")
    assert texts(session) == []
    session.is_closing = False
    session.hear("One.")
    await held.aclose()
    await held.aclose()
    await asyncio.sleep(20)
    session.write("Two.")
    assert texts(session) == []
