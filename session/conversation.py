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
from session.clips import frames
from session.companions import Companion
from session.language_model import BackAgain
from session.measuring import measured
from session.recalling import with_turns
from session.trouble import CLIPS, Part, Trouble
from session.utterance import OnUtterance
from session.voice import room_options
from wire import Turn

logger = logging.getLogger(__name__)

_TRANSCRIPT_TIMEOUT = 2.0
"""Seconds for the last words of a human to be transcribed when a session closes. Nobody there, no words."""

_TURN_MARGIN = 0.3
"""Seconds after the latest end of a turn until a clip about the language model may begin."""


_LATE_TRIES = 3
"""Times that a question is asked again by itself although a model was there."""

_LATE_PAUSE = 5.0
"""Seconds before the first of them; doubles. A clip has been said by then."""


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
        self._clip: SpeechHandle | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._active_at = asyncio.get_running_loop().time()
        self._waiting_part: Part | None = None  # its failure is to be told when it is quiet
        self._is_turn_over = False  # the human's, for sure
        self._is_unanswered = False  # no model has answered what was said last
        self._is_back = False  # one may now
        self._late_tries = 0
        self._trying_late: asyncio.TimerHandle | None = None
        self._back_again = BackAgain(models, self._on_model_back)
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
        recalling = asyncio.create_task(self._remember(), name="call-recall")
        try:
            await self._session.start(self._agent, room=room, room_options=options, record=False)
            self._is_running = True
            if self._linked is not None:
                self._hear(self._linked)
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

    def set_audience(self, present: bool) -> None:
        """Say whether a human is there to hear. The agent does not talk into an empty room."""
        self._has_audience = present
        self._session.options.session_close_transcript_timeout = _TRANSCRIPT_TIMEOUT if present else 0.0
        if present:
            self._greet()
        else:
            self._waiting_part = None
            if self._can_be_heard:
                if self._greeting_speech is not None and not self._greeting_speech.done():
                    self._is_greeted = False  # whoever it was for has left before its end
                self._session.interrupt(force=True)

    async def hush(self) -> None:
        """Stop speaking, at once."""
        if self._is_running:
            await self._session.interrupt(force=True)

    async def stop(self) -> None:
        """Close the pipeline and its sockets. May be called twice."""
        self.on_closed = _ignore
        if self._telling is not None:
            self._telling.cancel()
        self._back_again.end()
        if self._trying_late is not None:
            self._trying_late.cancel()
        try:
            for one in self._companions:
                await one.aclose()
            await self._session.aclose()
        finally:
            await self._models.aclose()
            await close_tools(self._tools)
            await self._http.close()

    def usage(self) -> list[dict[str, Any]]:
        """What each model has used, one dict for each: provider, model, tokens, characters or seconds of sound."""
        return [used.model_dump(mode="json") for used in self._session.usage.model_usage]

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
        if self._is_running and self._is_recalled and self._has_audience and not self._is_greeted:
            self._is_greeted = True
            if self._greeting:
                self._greeted = self._listener()
                may_interrupt = self._can_be_heard and self._session.options.interruption["enabled"]
                self._greeting_speech = self._session.say(self._greeting, allow_interruptions=may_interrupt)
                self._greeting_speech.add_done_callback(self._on_greeted)

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

    def _tell_when_quiet(self, part: Part) -> None:
        """Play the clip about `part` as soon as nothing can cut it off."""
        self._waiting_part = part
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._waiting_part is None:
            return
        # A reply is tried before the human's turn is over, and the end of a turn cuts off what the agent says.
        may_go_on = self._waiting_part is Part.LLM and not self._is_turn_over
        delay = self._session.options.endpointing["max_delay"] + _TURN_MARGIN if may_go_on else 0.0
        self._telling = asyncio.get_running_loop().call_later(delay, self._tell)

    def _tell(self) -> None:
        if self._session.user_state == "speaking" or self._session.agent_state in {"thinking", "speaking"}:
            return
        part, self._waiting_part = self._waiting_part, None
        if part is None or not self._has_audience or part not in self.trouble.failing:
            return
        clip = CLIPS[part]
        try:
            self._clip = self._session.say(clip.value, audio=frames(clip), add_to_chat_ctx=False)
        except RuntimeError:
            logger.debug("no clip, the pipeline is closing", extra={"clip": clip.name})

    def _on_error(self, event: ErrorEvent) -> None:
        error = event.error
        if getattr(error, "recoverable", True) or getattr(error, "type", "") not in {p.value for p in Part}:
            return
        if Part(error.type) is Part.LLM:
            self._on_unanswered()
        cause = error.error.__cause__
        clip = self.trouble.failed(
            Part(error.type),
            str(cause) if isinstance(cause, NoModelError) else type(cause or error.error).__name__,
            now=asyncio.get_running_loop().time(),
        )
        if clip is not None and self._has_audience:
            self._tell_when_quiet(Part(error.type))

    def answered(self) -> None:
        """A model's answer has come to its end."""
        self._is_unanswered = self._is_back = False
        self._late_tries = 0
        self.trouble.worked(Part.LLM)

    def _on_unanswered(self) -> None:
        """No model has answered to the end. One that may answer already does not come back: it is asked again."""
        self._is_unanswered = True
        if self._models.may_answer and self._late_tries < _LATE_TRIES:
            self._late_tries += 1
            delay = _LATE_PAUSE * 2 ** (self._late_tries - 1)
            if self._trying_late is not None:
                self._trying_late.cancel()
            self._trying_late = asyncio.get_running_loop().call_later(delay, self._on_model_back)

    def _on_model_back(self) -> None:
        if self._is_unanswered:
            self._is_back = True
            self._answer_if_quiet()

    def _answer_if_quiet(self) -> None:
        """Answer the question that no model answered when it was asked, now that one may."""
        if not (self._is_back and self._is_running and self._has_audience):
            return
        if self._session.user_state == "speaking" or self._session.agent_state in {"thinking", "speaking"}:
            return
        self._is_back = self._is_unanswered = False
        logger.info(
            "a model is back, the waiting question is answered", extra={"action": "call.answers_late"}
        )
        try:
            self._session.generate_reply()
        except RuntimeError:
            logger.debug("no answer, the pipeline is closing")

    def _on_close(self, event: CloseEvent) -> None:
        self._is_running = False
        self.on_closed(is_error=event.reason is SessionCloseReason.ERROR)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, ChatMessage) or not item.text_content:
            return
        self._active_at = asyncio.get_running_loop().time()
        self._is_turn_over = True
        if item.role == "user":
            self._late_tries = 0
        self._tell_soon()
        if item.role in ("user", "assistant"):
            said = measured(item, item.role)
            for take in self._on_said:
                take(said)

    def _on_transcript(self, event: UserInputTranscribedEvent) -> None:
        self._active_at = asyncio.get_running_loop().time()
        self.trouble.worked(Part.STT)

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking" and (self._clip is None or self._clip.done()):
            self.trouble.worked(Part.TTS)
        is_speaking = event.new_state in {"thinking", "speaking"}
        if is_speaking and not self._has_audience and self._can_be_heard:
            # The last words of who has just left were still under way.
            self._session.interrupt(force=True)
        if event.new_state == "listening":
            self._tell_soon()
            self._answer_if_quiet()

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._is_turn_over = False
        else:
            self._tell_soon()
            self._answer_if_quiet()


def _ignore(*, is_error: bool) -> None:
    """Nobody listens."""
