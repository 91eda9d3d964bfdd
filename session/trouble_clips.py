"""When the human is told that a provider fails: as soon as nothing can cut it off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit.agents import AgentSession
from livekit.agents.voice.speech_handle import SpeechHandle

from session.clips import frames
from session.human_turn import TURN_MARGIN, is_quiet
from session.trouble import CLIPS, Part, Trouble

logger = logging.getLogger(__name__)


class TroubleClips:
    """Plays the clip about a part that fails.

    Args:
        session: Says it.
        trouble: Knows what still fails.
        may_speak: Whether the agent says anything now.
    """

    def __init__(
        self, session: AgentSession[None], trouble: Trouble, *, may_speak: Callable[[], bool]
    ) -> None:
        self.is_turn_over = False
        """The human's turn, for sure. Set by the caller."""

        self._session = session
        self._trouble = trouble
        self._may_speak = may_speak
        self._clip: SpeechHandle | None = None
        self._waiting_part: Part | None = None  # its failure is to be told when it is quiet
        self._telling: asyncio.TimerHandle | None = None

    @property
    def is_playing(self) -> bool:
        """What the agent says now may be a clip, and no sign that its voice works."""
        return self._clip is not None and not self._clip.done()

    def tell(self, part: Part) -> None:
        """Play the clip about `part` when it is quiet, if it still fails then."""
        self._waiting_part = part
        self.look()

    def forget(self) -> None:
        """Nobody is there to be told."""
        self._waiting_part = None

    def look(self) -> None:
        """Play what waits, if now is the time. To be called when somebody falls silent or something was said."""
        self.end()
        if self._waiting_part is None:
            return
        # A reply is tried before the human's turn is over, and the end of a turn cuts off what the agent says.
        may_go_on = self._waiting_part is Part.LLM and not self.is_turn_over
        delay = self._session.options.endpointing["max_delay"] + TURN_MARGIN if may_go_on else 0.0
        self._telling = asyncio.get_running_loop().call_later(delay, self._tell)

    def end(self) -> None:
        """Begin none any more. May be called twice."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def _tell(self) -> None:
        if not is_quiet(self._session):
            return
        part, self._waiting_part = self._waiting_part, None
        if part is None or not self._may_speak() or part not in self._trouble.failing:
            return
        clip = CLIPS[part]
        try:
            self._clip = self._session.say(clip.value, audio=frames(clip), add_to_chat_ctx=False)
        except RuntimeError:
            logger.debug("no clip, the pipeline is closing", extra={"clip": clip.name})
