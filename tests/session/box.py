"""A conversation whose pipeline is a stand-in that says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, llm
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
        self.has_voice = True
        """Once it is started: whether what it says is heard."""

        self.ends_in = 0.0
        """Seconds that a speech goes on after it was interrupted."""

        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.subscribed.set_result(None)
        self.room_io = SimpleNamespace(
            subscribed_fut=self.subscribed, linked_participant=None, set_participant=lambda _: None
        )

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
        self.has_voice = room_options.get_audio_output_options() is not None
        await asyncio.sleep(0.5)

    def say(self, text: str, *, allow_interruptions: bool = True, **_: object) -> FakeSpeech:
        self.said.append((text, asyncio.get_running_loop().time()))
        self.speeches.append(FakeSpeech(allow_interruptions=allow_interruptions))
        return self.speeches[-1]

    def interrupt(self, *, force: bool) -> None:
        assert force
        self.n_interrupted += 1
        for speech in self.speeches:
            if not speech.done():
                speech.interrupted = True
                asyncio.get_running_loop().call_later(self.ends_in, speech.end)

    def generate_reply(self) -> None:
        self.replies.append(asyncio.get_running_loop().time())

    def fail(self, error: Exception, *, part: str = "llm_error") -> None:
        """A part of the pipeline has failed for good."""
        told = SimpleNamespace(type=part, recoverable=False, error=error)
        self.on_event["error"](SimpleNamespace(error=told))

    def user(self, new_state: str) -> None:
        self.user_state = new_state
        self.on_event["user_state_changed"](SimpleNamespace(new_state=new_state))

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
        self.room = SimpleNamespace(remote_participants={})
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
        self.room.remote_participants[identity] = SimpleNamespace(sid=sid)
        self.conversation.link(identity)
        self.conversation.set_audience(True)

    def leaves(self, identity: str, *, last: bool = True) -> None:
        del self.room.remote_participants[identity]
        if last:
            self.conversation.set_audience(False)

    @property
    def texts(self) -> list[str | None]:
        items = self.agent.chat_ctx.items
        return [item.text_content for item in items if isinstance(item, llm.ChatMessage)]
