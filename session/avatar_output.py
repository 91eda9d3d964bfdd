"""Where the agent's voice goes while an avatar speaks it, and how it comes back from one that died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

STALL_LIMIT = 5.0
"""Seconds after which an avatar that has been given a whole utterance should have said it to its end."""


class AvatarOutput(AudioOutput):
    """Passes sound on to the plugin's own output, until it is given up: then it swallows it.

    livekit-agents waits, without a limit, for an output to say that an utterance was played. A dead avatar never says
    so. This output says it in its place.

    Args:
        sink: The plugin's.
        on_stalled: Called when an utterance is not over `STALL_LIMIT` after it should be.
    """

    def __init__(self, sink: AudioOutput, *, on_stalled: Callable[[], None]) -> None:
        super().__init__(
            label="Avatar",
            next_in_chain=sink,
            sample_rate=sink.sample_rate,
            capabilities=AudioOutputCapabilities(pause=False),
        )
        self._on_stalled = on_stalled
        self._on_quiet: Callable[[], None] | None = None  # once it is given up
        self._is_open = False  # an utterance is being passed on
        self._over_at = 0.0
        self._stalling: asyncio.TimerHandle | None = None

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way."""
        return not self._is_open and not self._pending_playback_count

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if not self._is_open:
            if self.is_quiet:
                self._expect(None)
                self._over_at = 0.0
            self._is_open = True
        await super().capture_frame(frame)
        # It is played no sooner than it comes: there may be gaps within an utterance.
        self._over_at = max(self._over_at, asyncio.get_running_loop().time()) + frame.duration
        if self._on_quiet is None and self.next_in_chain is not None:
            await self.next_in_chain.capture_frame(frame)

    def flush(self) -> None:
        super().flush()
        self._is_open = False
        if self._on_quiet is not None:
            self._finish()
        elif self.next_in_chain is not None:
            self.next_in_chain.flush()
            if not self.is_quiet:
                self._expect(max(self._over_at, asyncio.get_running_loop().time()) + STALL_LIMIT)

    def clear_buffer(self) -> None:
        if self._on_quiet is not None:
            self._finish()
        elif self.next_in_chain is not None:
            self.next_in_chain.clear_buffer()
            self._expect_end_of_cut()

    def on_playback_finished(
        self, *, playback_position: float, interrupted: bool, synchronized_transcript: str | None = None
    ) -> None:
        if not self._pending_playback_count:
            return  # the plugin's own word for what was finished in its place
        super().on_playback_finished(
            playback_position=playback_position,
            interrupted=interrupted,
            synchronized_transcript=synchronized_transcript,
        )
        if self.is_quiet:
            self._expect(None)

    def give_up(self, on_quiet: Callable[[], None]) -> None:
        """The avatar is dead: what it was given to its end is over, as interrupted.

        Args:
            on_quiet: Called as soon as nothing is under way, which may be now. What is still being passed on has to be
                cut off by whoever began it.
        """
        self._on_quiet = on_quiet
        self._expect(None)
        if not self._is_open:
            self._finish()

    def _finish(self) -> None:
        while self._pending_playback_count:
            self.on_playback_finished(playback_position=0.0, interrupted=True)
        if self.is_quiet and self._on_quiet is not None:
            self._on_quiet()

    def _expect_end_of_cut(self) -> None:
        """Nothing is left to be played: what was cut off is over soon, however much sound of it was there."""
        now = asyncio.get_running_loop().time()
        self._over_at = now
        due = now + STALL_LIMIT
        # livekit-agents 1.8.9 clears twice; and an avatar that is late already gets no more time.
        if not self.is_quiet and (self._stalling is None or self._stalling.when() > due):
            self._expect(due)

    def _expect(self, at: float | None) -> None:
        if self._stalling is not None:
            self._stalling.cancel()
            self._stalling = None
        if at is not None:
            self._stalling = asyncio.get_running_loop().call_at(at, self._look)

    def _look(self) -> None:
        self._stalling = None
        # An utterance that was cut off before its first frame was taken ends without `on_playback_finished`:
        # livekit-agents 1.8.9 counts it in `_dispatch_playback_finished`, past all that could be overridden.
        if not self.is_quiet:
            self._on_stalled()
