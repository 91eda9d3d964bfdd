"""A conversation whose pipeline is a stand-in that says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, UserInputTranscribedEvent, llm
from livekit.agents.voice import CloseReason as SessionCloseReason
from livekit.agents.voice.room_io import RoomOptions

from llm.models import Models
from session.companions import Companion
from session.conversation import Conversation
from session.utterance import Utterance
from tests.session.fake_models import FakeModels
from wire import Turn

TURNS = (Turn(number=0, role="user", text="Is there a pool?"),)


class FakeSpeech:
    """`SpeechHandle`: over when a test, or an interruption, ends it."""

    def __init__(self, *, allow_interruptions: bool) -> None:
        self.allow_interruptions = allow_interruptions
        self.interrupted = False
        self._is_done = False
        self._callbacks: list[Callable[[FakeSpeech], None]] = []

    def done(self) -> bool:
        return self._is_done

    def add_done_callback(self, callback: Callable[[FakeSpeech], None]) -> None:
        self._callbacks.append(callback)

    def end(self) -> None:
        if not self._is_done:
            self._is_done = True
            for callback in self._callbacks:
                callback(self)


class FakeReader:
    """`TextStreamReader`: what is written arrives after `takes` seconds, or breaks."""

    def __init__(self, text: str | Exception, *, takes: float = 0.0) -> None:
        self.is_closed = False
        self._text = text
        self._takes = takes

    async def read_all(self) -> str:
        await asyncio.sleep(self._takes)
        if isinstance(self._text, Exception):
            raise self._text
        return self._text

    def close(self) -> None:
        self.is_closed = True


class FakeRoom:
    """Connected, and the agent's sound is in it."""

    def __init__(self) -> None:
        self.remote_participants: dict[str, Any] = {}
        self.connection_state = rtc.ConnectionState.CONN_CONNECTED
        self.sound = SimpleNamespace(kind=rtc.TrackKind.KIND_AUDIO)
        self.local_participant = SimpleNamespace(track_publications={"TR_1": self.sound})
        self._on_text: dict[str, Callable[[Any, str], None]] = {}
        self._on_active: list[Callable[[Any], None]] = []

    def on(self, event: str, callback: Callable[[Any], None]) -> None:
        assert event == "participant_active"
        self._on_active.append(callback)

    def is_up(self, identity: str) -> None:
        """Somebody's connection is up: what is written reaches them from now on."""
        participant = self.remote_participants[identity]
        participant.state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        for callback in self._on_active:
            callback(participant)

    def register_text_stream_handler(self, topic: str, handler: Callable[[Any, str], None]) -> None:
        assert topic not in self._on_text
        self._on_text[topic] = handler

    def unregister_text_stream_handler(self, topic: str) -> None:
        self._on_text.pop(topic, None)

    def write(self, identity: str, text: str | Exception, *, takes: float = 0.0) -> FakeReader:
        """Somebody writes; LiveKit drops what nobody reads."""
        reader = FakeReader(text, takes=takes)
        if "lk.chat" in self._on_text:
            self._on_text["lk.chat"](reader, identity)
        return reader


class FakeSession:
    """Starts in half a second. Somebody has subscribed to its voice, unless a test says otherwise."""

    def __init__(self) -> None:
        self.said: list[tuple[str, float]] = []
        self.on_event: dict[str, Callable[[Any], None]] = {}
        self.options = SimpleNamespace(
            session_close_transcript_timeout=0.0,
            interruption={"enabled": True},
            endpointing={"max_delay": 1.5},
        )
        self.speeches: list[FakeSpeech] = []
        self.n_interrupted = 0
        """By force."""

        self.answered: list[tuple[str, float]] = []
        """What was written and is answered."""

        self.output = SimpleNamespace(audio=SimpleNamespace(next_in_chain=None))
        self.has_voice = True
        """Once it is started: whether what it says is heard."""

        self.ends_in = 0.0
        """Seconds that a speech goes on after it was interrupted."""

        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.subscribed.set_result(None)
        self.heard: list[str] = []
        """Whom it was told to listen to."""

        self.room_io = SimpleNamespace(
            subscribed_fut=self.subscribed, linked_participant=None, set_participant=self.heard.append
        )

        self.is_closing = False
        self.waited_for_words = 0.0
        """Seconds that it would have waited for the last words when it was closed."""

        self.agent_state = "listening"
        self.user_state = "listening"
        self.replies: list[float] = []
        """When a reply was asked for."""

    def nobody_has_subscribed(self) -> None:
        self.subscribed = asyncio.get_running_loop().create_future()
        self.room_io.subscribed_fut = self.subscribed

    def on(self, event: str, callback: Callable[[Any], None]) -> None:
        self.on_event[event] = callback

    async def start(self, *_: object, room_options: RoomOptions, **__: object) -> None:
        assert room_options.get_text_input_options() is None, "two would read what is written"
        self.has_voice = room_options.get_audio_output_options() is not None
        await asyncio.sleep(0.5)

    def say(self, text: str, *, allow_interruptions: bool = True, **_: object) -> FakeSpeech:
        self.said.append((text, asyncio.get_running_loop().time()))
        self.speeches.append(FakeSpeech(allow_interruptions=allow_interruptions))
        return self.speeches[-1]

    def interrupt(self, *, force: bool = False) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        speeches = [speech for speech in self.speeches if not speech.done()]
        if not force and not all(speech.allow_interruptions for speech in speeches):
            raise RuntimeError("This generation handle does not allow interruptions")
        self.n_interrupted += force
        over: asyncio.Future[None] = loop.create_future()
        for speech in speeches:
            speech.interrupted = True
            loop.call_later(self.ends_in, speech.end)
        loop.call_later(self.ends_in if speeches else 0.0, over.set_result, None)
        return over

    @asynccontextmanager
    async def _claim_user_turn(self) -> AsyncIterator[None]:
        self.user("speaking")
        try:
            yield
        finally:
            self.user("listening")

    def generate_reply(self, *, user_input: str | None = None) -> None:
        now = asyncio.get_running_loop().time()
        if self.is_closing:
            raise RuntimeError("AgentSession is closing, cannot use generate_reply()")
        if user_input is None:
            self.replies.append(now)
        else:
            assert self.user_state == "speaking", "a turn that nobody has claimed"
            self.answered.append((user_input, now))

    def close(self) -> None:
        """Somebody has closed it."""
        self.is_closing = True
        self.on_event["close"](SimpleNamespace(reason=SessionCloseReason.JOB_SHUTDOWN))

    def fail(self, error: Exception, *, part: str = "llm_error") -> None:
        """A part of the pipeline has failed for good."""
        told = SimpleNamespace(type=part, recoverable=False, error=error)
        self.on_event["error"](SimpleNamespace(error=told))

    def user(self, new_state: str) -> None:
        self.user_state = new_state
        self.on_event["user_state_changed"](SimpleNamespace(new_state=new_state))

    def hear(self, text: str, *, is_final: bool = True) -> None:
        event = UserInputTranscribedEvent(transcript=text, is_final=is_final)
        self.on_event["user_input_transcribed"](event)

    def state(self, new_state: str) -> None:
        self.agent_state = new_state
        self.on_event["agent_state_changed"](SimpleNamespace(new_state=new_state))

    def add(self, item: object) -> None:
        self.on_event["conversation_item_added"](ConversationItemAddedEvent.model_construct(item=item))


class Box:
    def __init__(
        self,
        *,
        takes: float | None = None,
        turns: Sequence[Turn] = TURNS,
        greeting: str = "Hi.",
        companions: Sequence[Companion] = (),
        speaks: bool = True,
    ) -> None:
        async def recall() -> Sequence[Turn]:
            await asyncio.sleep(takes or 0)
            return turns

        self.session = FakeSession()
        self.room = FakeRoom()
        self.agent = Agent(instructions="You are Ada.")
        self.heard: list[Utterance] = []
        self.models = FakeModels()
        self.conversation = Conversation(
            cast("AgentSession[None]", self.session),
            self.agent,
            models=cast(Models, self.models),
            http=cast(aiohttp.ClientSession, None),
            greeting=greeting,
            on_said=(self.heard.append, self.heard.append),
            companions=companions,
            speaks=speaks,
            recall=None if takes is None else recall,
        )

    async def start(self) -> None:
        await self.conversation.start(cast(rtc.Room, self.room))

    def comes(self, identity: str, sid: str) -> None:
        """A human comes, and is whom the agent listens to."""
        self.joins(identity, sid)
        self.conversation.link(identity)
        self.conversation.set_audience(True)

    def joins(self, identity: str, sid: str) -> None:
        """Somebody comes, whose connection is not up yet; whom the agent listens to stays as it is."""
        self.room.remote_participants[identity] = SimpleNamespace(
            sid=sid,
            identity=identity,
            kind=rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
            attributes={},
            state=rtc.ParticipantState.PARTICIPANT_STATE_JOINED,
        )

    def leaves(self, identity: str, *, last: bool = True) -> None:
        del self.room.remote_participants[identity]
        if last:
            self.conversation.set_audience(False)

    async def stop(self) -> None:
        """End it, with its sockets."""

        async def aclose() -> None:
            self.session.waited_for_words = self.session.options.session_close_transcript_timeout

        self.session.aclose = aclose  # type: ignore[attr-defined]
        self.conversation._http = cast(aiohttp.ClientSession, SimpleNamespace(close=aclose))
        await self.conversation.stop()

    @property
    def texts(self) -> list[str | None]:
        items = self.agent.chat_ctx.items
        return [item.text_content for item in items if isinstance(item, llm.ChatMessage)]
