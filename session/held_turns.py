"""What is said while an interpreter speaks: heard, kept, and translated as soon as it falls silent.

In livekit-agents 1.8.9 an agent that can be interrupted is cut off by whoever goes on speaking, and one that cannot be
loses what is said meanwhile: it hears silence, and skips a turn that ends. Between the two is
`session.turns.UNREACHABLE_WORDS`: an agent that could be interrupted, by more words than anybody says. It hears all,
and a turn that ends while it speaks is not taken but goes on growing. Nothing takes it when the agent has finished and
the human says no more: this does.
"""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc
from livekit.agents import AgentSession, UserInputTranscribedEvent, UserStateChangedEvent

logger = logging.getLogger(__name__)

MARGIN = 0.3
"""Seconds after the latest end of a turn. Until then livekit-agents may take it by itself."""

UNFINISHED_LIMIT = 5.0
"""Seconds that words which are not certain yet are waited for."""

_LOOK_PERIOD = 0.1
"""Seconds between two looks whether the agent is silent, while something is kept."""


class HeldTurns:
    """A companion of an interpreter's pipeline."""

    def __init__(self) -> None:
        self._session: AgentSession[None] | None = None
        self._written: list[str] = []
        self._is_heard = False  # words that no turn has taken
        self._is_unfinished = False  # and some of them may change
        self._quiet_since = 0.0
        self._looking: asyncio.TimerHandle | None = None

    def begin(self, session: AgentSession[None], room: rtc.Room) -> None:
        self._session = session
        session.on("user_input_transcribed", self._on_transcript)
        session.on("user_state_changed", self._on_user_state)

    async def ready(self) -> None:
        """Nothing to wait for."""

    async def aclose(self) -> None:
        self._session = None
        if self._looking is not None:
            self._looking.cancel()

    def take_text(self, text: str) -> None:
        """Take what a human has written: answered at once, it would cut off what the agent says."""
        self._written.append(text)
        self._look()

    def taken(self) -> None:
        """All that was heard so far is a turn now."""
        self._is_heard = self._is_unfinished = False

    def _on_transcript(self, event: UserInputTranscribedEvent) -> None:
        if not event.transcript.strip():
            return
        self._is_unfinished = not event.is_final
        self._is_heard = self._is_heard or event.is_final
        self._quiet_since = asyncio.get_running_loop().time()
        self._look_soon()

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        self._quiet_since = asyncio.get_running_loop().time()

    def _look_soon(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.get_running_loop().call_later(_LOOK_PERIOD, self._look)

    def _look(self) -> None:
        """Give the agent what is kept, if it is silent. One thing at a time: with the next one it waits again."""
        session = self._session
        if session is None or not (self._written or self._is_heard):
            return
        if session.current_speech is None:
            try:
                self._give(session)
            except RuntimeError:
                logger.debug("nothing more is translated, the pipeline is closing")
                return
        self._look_soon()

    def _give(self, session: AgentSession[None]) -> None:
        if self._written:
            written, self._written = self._written, []
            session.generate_reply(user_input="\n".join(written))
        elif session.user_state != "speaking" and self._is_over(session):
            self.taken()
            # All is there that there will be: none of its waiting is wanted.
            session.commit_user_turn(transcript_timeout=0.0, stt_flush_duration=0.0)

    def _is_over(self, session: AgentSession[None]) -> bool:
        """Whether the turn has ended for sure, by whatever the profile says of turns."""
        pause = session.options.endpointing["max_delay"] + MARGIN
        if self._is_unfinished:
            pause = max(pause, UNFINISHED_LIMIT)
        return asyncio.get_running_loop().time() >= self._quiet_since + pause
