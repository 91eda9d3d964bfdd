"""What is said in a call: greeting, turns, clips for trouble, and who is listened to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import aiohttp
from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    AgentStateChangedEvent,
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
)
from livekit.agents.llm import ChatMessage
from livekit.agents.voice import CloseReason as SessionCloseReason
from livekit.agents.voice.speech_handle import SpeechHandle

from llm.errors import NoModelError
from llm.models import Models
from llm.tools import Tool
from llm.tools import aclose as close_tools
from session.companions import Companion
from session.human_turn import HumanTurn
from session.late_answers import LateAnswers
from session.measuring import measured
from session.recalling import with_turns
from session.trouble import Part, Trouble
from session.trouble_clips import TroubleClips
from session.utterance import OnUtterance
from session.voice import room_options
from session.voice_watch import VoiceWatch
from session.written import TakesText, Written, answer_written
from wire import Turn

logger = logging.getLogger(__name__)

_TRANSCRIPT_TIMEOUT = 2.0
"""Seconds for the last words of a human to be transcribed when a session closes. Nobody there, no words."""

_WORDS_LIMIT = 5.0
"""Seconds after a voice has ended in which its words may still be on their way."""


class OnClosed(Protocol):
    def __call__(self, *, is_error: bool) -> None: ...


class Conversation:
    """The pipeline of a call, kept going: a failing provider is said aloud and never ends it.

    Args:
        session: Not started yet.
        agent: The character.
        models: What thinks; begun already, closed with the pipeline.
        tools: What the agent was given to use, closed likewise.
        http: What the pipeline's sockets were opened with; closed with it.
        greeting: Said when a human is there, until one has heard it to its end; empty = nothing.
        on_said: Who is told what is said.
        companions: What goes along with the pipeline. The greeting waits for it, in bounded time.
        speaks: Aloud; otherwise what is said is written only.
        recall: Has what was said before this agent took another one's place; ends in bounded time and never raises.
            The greeting comes after it. None = nothing was.
    """

    def __init__(
        self,
        session: AgentSession[None],
        agent: Agent,
        *,
        models: Models,
        tools: Sequence[Tool] = (),
        http: aiohttp.ClientSession,
        greeting: str,
        on_said: Sequence[OnUtterance] = (),
        companions: Sequence[Companion] = (),
        speaks: bool = True,
        recall: Callable[[], Awaitable[Sequence[Turn]]] | None = None,
    ) -> None:
        self.trouble = Trouble()
        self.on_closed: OnClosed = _ignore
        """Called when the pipeline closed, whoever closed it."""
        self._session = session
        self._agent = agent
        self._models = models
        self._tools = tools
        self._http = http
        self._greeting = greeting
        self._on_said = tuple(on_said)
        self._companions = tuple(companions)
        self._speaks = speaks
        self._recall = recall
        self._is_recalled = recall is None
        self._linked: str | None = None
        self._is_running = False
        self._is_greeted = False
        self._greeting_speech: SpeechHandle | None = None
        self._greeted: str | None = None  # whom it is for, see `_listener`
        self._room: rtc.Room | None = None
        self._has_audience = False
        self._active_at = asyncio.get_running_loop().time()
        self._clips = TroubleClips(session, self.trouble, may_speak=lambda: self._has_audience)
        self._turn = HumanTurn()
        self._hears_out = False  # the agent leaves, and a human is there
        self._late_answers = LateAnswers(
            session, models, turn=self._turn, may_speak=lambda: self._is_running and self._has_audience
        )
        self._text_takers = [one for one in companions if isinstance(one, TakesText)]
        self._written = Written(self._take_text)
        self._voice: VoiceWatch | None = None  # of a pipeline that speaks
        session.on("error", self._on_error)
        session.on("close", self._on_close)
        session.on("conversation_item_added", self._on_item)
        session.on("user_input_transcribed", self._on_transcript)
        session.on("agent_state_changed", self._on_agent_state)
        session.on("user_state_changed", self._on_user_state)

    @property
    def is_running(self) -> bool:
        """The pipeline hears and speaks."""
        return self._is_running

    @property
    def active_at(self) -> float:
        """When somebody last said something, in the loop's time; at first, when the conversation was made."""
        return self._active_at

    @property
    def linked(self) -> str | None:
        """Identity of the human whose microphone is heard."""
        return self._linked

    async def start(self, room: rtc.Room) -> None:
        """Start the pipeline; it waits for the room to be connected."""
        self._room = room
        options = room_options()
        if not self._speaks:
            options.audio_output = False
            room.on("participant_active", lambda _: self._greet())
        recalling = asyncio.create_task(self._remember(), name="call-recall")
        try:
            await self._session.start(self._agent, room=room, room_options=options, record=False)
            self._is_running = True
            if self._speaks:
                self._voice = VoiceWatch(self._session, room)
            if self._linked is not None:
                self._hear(self._linked)
            self._written.begin(room)
            for one in self._companions:
                one.begin(self._session, room)
            await recalling
            for one in self._companions:
                await one.ready()
        finally:
            recalling.cancel()
        self._is_recalled = True
        subscribed = self._session.room_io.subscribed_fut
        if subscribed is not None:
            subscribed.add_done_callback(self._on_subscribed)
        self._greet()

    @property
    def _can_be_heard(self) -> bool:
        """Somebody has subscribed to the agent's voice.

        Until then what it says waits, and must not be interrupted: livekit-agents 1.8.9 (`room_io/_output.py`) cancels
        the wait itself with it, and the agent is mute from then on.
        """
        if not self._is_running:
            return False
        subscribed = self._session.room_io.subscribed_fut
        return subscribed is None or subscribed.done()

    def _on_subscribed(self, _: object) -> None:
        if self._greeting_speech is not None and not self._greeting_speech.done():
            self._greeting_speech.allow_interruptions = self._session.options.interruption["enabled"]
            self._greeted = self._listener()  # it begins now, for who is there now
        if not self._has_audience:
            self.set_audience(False)

    def link(self, identity: str) -> None:
        """Listen to this human from now on. May be called twice."""
        if identity == self._linked:
            return
        self._linked = identity
        if self._is_running:
            self._hear(identity)
            self._greet()

    def set_audience(self, present: bool) -> None:
        """Say whether a human is there to hear. The agent does not talk into an empty room."""
        self._has_audience = present
        self._session.options.session_close_transcript_timeout = _TRANSCRIPT_TIMEOUT if present else 0.0
        if present:
            self._greet()
        else:
            self._clips.forget()
            if self._can_be_heard:
                if self._greeting_speech is not None and not self._greeting_speech.done():
                    self._is_greeted = False  # whoever it was for has left before its end
                self._session.interrupt(force=True)

    def leave(self, *, hears_out: bool) -> None:
        """Begin nothing any more: the agent leaves.

        Args:
            hears_out: A human is there. What they have begun to say is waited for, so that it is not lost.
        """
        self._hears_out = hears_out
        self.set_audience(False)

    def look_for_voice(self) -> None:
        """End as a pipeline that broke if its sound is not in the room. To be called every few seconds."""
        if self._voice is None:
            return
        is_wanted = self._is_running and self._has_audience
        if self._voice.is_lost(is_wanted=is_wanted, now=asyncio.get_running_loop().time()):
            logger.error("the agent's sound did not come into the room", extra={"action": "call.mute"})
            self.on_closed(is_error=True)

    async def hush(self) -> None:
        """Stop speaking, at once."""
        if self._is_running:
            await self._session.interrupt(force=True)

    async def stop(self) -> None:
        """Close the pipeline and its sockets. May be called twice."""
        self.on_closed = _ignore
        self._clips.end()
        self._late_answers.end()
        try:
            await self._written.aclose()
            for one in self._companions:
                await one.aclose()
            if self._hears_out and self._has_words_under_way:
                self._session.options.session_close_transcript_timeout = _TRANSCRIPT_TIMEOUT
            await self._session.aclose()
        finally:
            await self._models.aclose()
            await close_tools(self._tools)
            await self._http.close()

    def usage(self) -> list[dict[str, Any]]:
        """What each model has used, one dict for each: provider, model, tokens, characters or seconds of sound."""
        return [used.model_dump(mode="json") for used in self._session.usage.model_usage]

    @property
    def _has_words_under_way(self) -> bool:
        """A human has said something that may still become a turn."""
        is_over = asyncio.get_running_loop().time() >= self._turn.over_at(_WORDS_LIMIT)
        return self._session.user_state == "speaking" or not is_over

    async def _take_text(self, identity: str, text: str) -> None:
        """Take what a human has written, whoever is listened to."""
        if not self._is_running:
            return
        if identity != self._linked and self._session.user_state != "speaking":
            self.link(identity)
            self._greeted = self._listener()  # who writes is in the middle of it, and needs no other one
        subscribed = self._session.room_io.subscribed_fut
        if subscribed is not None and not subscribed.done():
            # Who writes reads the answer, and may never subscribe. What is said would wait for that without a limit.
            subscribed.set_result(None)
        if not self._text_takers:
            await answer_written(self._session, text)
        for one in self._text_takers:
            one.take_text(text)

    def _hear(self, identity: str) -> None:
        linked = self._session.room_io.linked_participant
        if linked is None or linked.identity != identity:
            self._session.room_io.set_participant(identity)

    async def _remember(self) -> None:
        """Give the model what was said before; what has been said since comes after it."""
        if self._recall is None:
            return
        items = self._agent.chat_ctx.items
        last = items[-1].id if items else None
        turns = await self._recall()
        if turns:
            await self._agent.update_chat_ctx(with_turns(self._agent.chat_ctx, turns, after=last))

    def _greet(self) -> None:
        is_ready = self._is_running and self._is_recalled and self._has_audience and self._is_reached
        if is_ready and not self._is_greeted:
            self._is_greeted = True
            if self._greeting:
                self._greeted = self._listener()
                may_interrupt = self._can_be_heard and self._session.options.interruption["enabled"]
                self._greeting_speech = self._session.say(self._greeting, allow_interruptions=may_interrupt)
                self._greeting_speech.add_done_callback(self._on_greeted)

    @property
    def _is_reached(self) -> bool:
        """What is said now reaches the linked human. Sound waits for who subscribes to it; of words nothing is left for
        those whose connection comes up later.
        """
        if self._speaks:
            return True
        human = None if self._room is None else self._room.remote_participants.get(self._linked or "")
        return human is not None and human.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE

    def _on_greeted(self, speech: SpeechHandle) -> None:
        """The greeting is over. Whoever came in the middle of it, when its listener left, is greeted anew."""
        if speech is not self._greeting_speech or self._greeted is None:
            return
        if self._has_audience and self._listener() not in (None, self._greeted):
            self._is_greeted = False
            self._greet()

    def _listener(self) -> str | None:
        """Who is heard now, by an id that is another one after each join; None = nobody knows."""
        if self._room is None or self._linked is None:
            return None
        participant = self._room.remote_participants.get(self._linked)
        return None if participant is None else participant.sid

    def _on_error(self, event: ErrorEvent) -> None:
        error = event.error
        if getattr(error, "recoverable", True) or getattr(error, "type", "") not in {p.value for p in Part}:
            return
        if Part(error.type) is Part.LLM:
            self._late_answers.unanswered()
        cause = error.error.__cause__
        clip = self.trouble.failed(
            Part(error.type),
            str(cause) if isinstance(cause, NoModelError) else type(cause or error.error).__name__,
            now=asyncio.get_running_loop().time(),
        )
        if clip is not None and self._has_audience:
            self._clips.tell(Part(error.type))

    def answered(self) -> None:
        """A model's answer has come to its end."""
        self._late_answers.answered()
        self.trouble.worked(Part.LLM)

    def _on_close(self, event: CloseEvent) -> None:
        self._is_running = False
        self.on_closed(is_error=event.reason is SessionCloseReason.ERROR)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, ChatMessage) or not item.text_content:
            return
        self._active_at = asyncio.get_running_loop().time()
        self._clips.is_turn_over = True
        if item.role == "user":
            self._turn.taken()
            self._late_answers.asked()
        self._clips.look()
        if item.role in ("user", "assistant"):
            said = measured(item, item.role)
            for take in self._on_said:
                take(said)

    def _on_transcript(self, event: UserInputTranscribedEvent) -> None:
        self._active_at = asyncio.get_running_loop().time()
        if event.transcript.strip():
            self._turn.understood(now=self._active_at)
        self.trouble.worked(Part.STT)

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking" and not self._clips.is_playing:
            self.trouble.worked(Part.TTS)
        is_speaking = event.new_state in {"thinking", "speaking"}
        if is_speaking and not self._has_audience and self._can_be_heard:
            # The last words of who has just left were still under way.
            self._session.interrupt(force=True)
        if event.new_state == "listening":
            self._clips.look()
            self._late_answers.look()

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._clips.is_turn_over = False
            self._turn.speaks()
        else:
            self._turn.falls_silent(now=asyncio.get_running_loop().time())
            self._clips.look()
            self._late_answers.look()


def _ignore(*, is_error: bool) -> None:
    """Nobody listens."""
