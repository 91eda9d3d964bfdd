"""A module as LiveKit's avatar plugins are, whose avatar does what `script` says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities


class Sink(AudioOutput):
    """Plays nothing. An utterance is over when a test says so, or at once."""

    def __init__(self, *, is_prompt: bool = True) -> None:
        super().__init__(label="sink", capabilities=AudioOutputCapabilities(pause=False))
        self.n_frames = 0
        self.n_cleared = 0
        self._is_prompt = is_prompt

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.n_frames += 1

    def flush(self) -> None:
        super().flush()
        if self._is_prompt and self._pending_playback_count:
            self.on_playback_finished(playback_position=1.0, interrupted=False)

    def clear_buffer(self) -> None:
        self.n_cleared += 1


@dataclass
class Script:
    sink: Sink | None = field(default_factory=Sink)
    """None = it logs its failure and returns, as some do."""

    joins_in: float = 1.0
    raises: Exception | None = None
    closes_in: float = 0.0
    on_join: Callable[[str], None] = lambda _: None
    options: dict[str, Any] = field(default_factory=dict)
    """What the class was made with."""

    n_closed: int = 0


script = Script()


class AvatarSession:
    def __init__(self, **options: Any) -> None:
        script.options = options
        self.avatar_identity: str = options["avatar_participant_identity"]
        self._joining: asyncio.Task[None] | None = None

    async def start(self, agent_session: Any, room: Any, **login: str) -> None:
        assert login.keys() == {"livekit_url", "livekit_api_key", "livekit_api_secret"}
        agent_session.emit("metrics_collected", object())
        if script.raises is not None:
            raise script.raises
        if script.sink is not None:
            agent_session.output.replace_audio_tail(script.sink)

    async def wait_for_join(self, *, timeout: float | None) -> None:
        """As in livekit-agents: without a timeout, who is cancelled here takes the waiting itself along."""
        if self._joining is None:
            self._joining = asyncio.create_task(self._join())
        await (self._joining if timeout is None else asyncio.wait_for(asyncio.shield(self._joining), timeout))

    async def _join(self) -> None:
        await asyncio.sleep(script.joins_in)
        script.on_join(self.avatar_identity)

    async def aclose(self) -> None:
        script.n_closed += 1
        if self._joining is not None:
            self._joining.cancel()
        await asyncio.sleep(script.closes_in)
