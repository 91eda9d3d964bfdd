"""A call with a fake avatar, in a room that is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AgentOutput, AudioOutput, AudioOutputCapabilities
from pydantic import SecretStr

from config import LiveKitLogin
from session.avatar import Face
from tests.session import fake_avatar
from tests.session.fake_avatar import Sink
from wire import Avatar

LOGIN = LiveKitLogin(url="ws://nowhere", api_key="key", api_secret=SecretStr("a-livekit-secret"))
ME = "ai-1-AJ_1"
AVATAR = f"{ME}-avatar"


class Wrapper(AudioOutput):
    """What livekit-agents puts above the sink, as its synchronizer of transcripts."""

    def __init__(self, sink: AudioOutput) -> None:
        super().__init__(label="top", capabilities=AudioOutputCapabilities(pause=True), next_in_chain=sink)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        assert self.next_in_chain is not None
        await self.next_in_chain.capture_frame(frame)

    def flush(self) -> None:
        super().flush()
        assert self.next_in_chain is not None
        self.next_in_chain.flush()

    def clear_buffer(self) -> None:
        assert self.next_in_chain is not None
        self.next_in_chain.clear_buffer()


class FakeRoom:
    def __init__(self) -> None:
        self.handlers: dict[str, list[Callable[..., None]]] = {}
        self.name = "agent-1-room"
        self.local_participant = SimpleNamespace(identity=ME)
        self.remote_participants: dict[str, Any] = {}
        self.connection_state = rtc.ConnectionState.CONN_CONNECTED

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self.handlers.setdefault(event, []).append(handler)

    def off(self, event: str, handler: Callable[..., None]) -> None:
        if handler in self.handlers.get(event, []):
            self.handlers[event].remove(handler)

    def emit(self, event: str, *args: object) -> None:
        for handler in tuple(self.handlers.get(event, ())):
            handler(*args)

    def isconnected(self) -> bool:
        return self.connection_state != rtc.ConnectionState.CONN_DISCONNECTED

    def comes(self, identity: str) -> None:
        voice = SimpleNamespace(kind=rtc.TrackKind.KIND_AUDIO)
        self.remote_participants[identity] = SimpleNamespace(track_publications={"TR": voice})

    def leaves(self) -> None:
        del self.remote_participants[AVATAR]
        self.emit("participant_disconnected", None)


class Box:
    """A call with a fake avatar. `states` are what the room is told of it, with when."""

    def __init__(self, *, model: str | None = "grace", provider: str = "fake") -> None:
        self.room = FakeRoom()
        self.usual = Sink()
        self.script = fake_avatar.script
        self.script.on_join = self.room.comes
        self.output = AgentOutput(lambda: None, lambda: None, lambda: None)
        self.output.audio = Wrapper(self.usual)
        self.current_speech: object = None
        self.n_interrupted = 0
        self.states: list[tuple[str | None, float]] = []
        self.face = Face(
            Avatar(provider=provider, model=model), name="Ada", login=LOGIN, on_state=self._on_state
        )

    def _on_state(self, state: str | None) -> None:
        self.states.append((state, asyncio.get_running_loop().time()))

    @property
    def state(self) -> str | None:
        return self.states[-1][0]

    def begin(self) -> None:
        self.face.begin(cast("AgentSession[None]", self), cast(rtc.Room, self.room))

    async def is_there(self) -> None:
        self.begin()
        await asyncio.sleep(2)
        assert self.state is None

    def interrupt(self, *, force: bool) -> None:
        assert force
        self.n_interrupted += 1

    async def push(self, n_frames: int = 1) -> None:
        """Sound of 0.1 s each, towards whoever speaks now."""
        for _ in range(n_frames):
            frame = rtc.AudioFrame(
                bytes(4_800), sample_rate=24_000, num_channels=1, samples_per_channel=2_400
            )
            assert self.output.audio is not None
            await self.output.audio.capture_frame(frame)

    async def say(self) -> None:
        """A whole utterance, until it is played."""
        await self.push()
        assert self.output.audio is not None
        self.output.audio.flush()
        await self.output.audio.wait_for_playout()
