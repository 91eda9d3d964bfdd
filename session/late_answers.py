"""The question that no model answered when it was asked: it is answered when one may."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit.agents import AgentSession

from llm.models import Models
from session.human_turn import TURN_MARGIN, HumanTurn, is_quiet
from session.language_model import BackAgain

logger = logging.getLogger(__name__)

_TRIES = 3
"""Times that a question is asked again by itself although a model was there."""

_PAUSE = 5.0
"""Seconds before the first of them; doubles. A clip has been said by then."""


class LateAnswers:
    """Waits for a model, for quiet and for somebody to hear it; then it asks for one reply.

    Args:
        session: Says it.
        models: What thinks.
        turn: The human's. A reply that began before its end would take its place: livekit-agents 1.8.9 drops a turn
            that ends while something is said that cannot be interrupted.
        may_speak: Whether the agent says anything now.
    """

    def __init__(
        self, session: AgentSession[None], models: Models, *, turn: HumanTurn, may_speak: Callable[[], bool]
    ) -> None:
        self._session = session
        self._models = models
        self._turn = turn
        self._may_speak = may_speak
        self._is_unanswered = False  # no model has answered what was said last
        self._is_back = False  # one may now
        self._is_over = False
        self._n_tries = 0
        self._trying: asyncio.TimerHandle | None = None
        self._waiting: asyncio.TimerHandle | None = None  # for the end of the human's turn
        self._back_again = BackAgain(models, self._on_model_back)

    def asked(self) -> None:
        """The human has said something new. It has tries of its own."""
        self._n_tries = 0

    def answered(self) -> None:
        """A model's answer has come to its end."""
        self._is_unanswered = self._is_back = False
        self._n_tries = 0

    def unanswered(self) -> None:
        """No model has answered to the end. One that may answer already does not come back: it is asked again."""
        self._is_unanswered = True
        if self._models.may_answer and self._n_tries < _TRIES:
            self._n_tries += 1
            if self._trying is not None:
                self._trying.cancel()
            delay = _PAUSE * 2 ** (self._n_tries - 1)
            self._trying = asyncio.get_running_loop().call_later(delay, self._on_model_back)

    def look(self) -> None:
        """Answer, if now is the time. To be called when one of both falls silent."""
        self._look(now=asyncio.get_running_loop().time())

    def end(self) -> None:
        """Answer nothing any more. May be called twice."""
        if not self._is_over:
            self._is_over = True
            self._back_again.end()
        self._is_unanswered = self._is_back = False
        for timer in (self._trying, self._waiting):
            if timer is not None:
                timer.cancel()

    def _on_model_back(self) -> None:
        if self._is_unanswered:
            self._is_back = True
            self.look()

    def _look(self, *, now: float) -> None:
        if not (self._is_back and self._may_speak() and is_quiet(self._session)):
            return
        over_at = self._turn.over_at(self._session.options.endpointing["max_delay"] + TURN_MARGIN)
        if now < over_at:
            if self._waiting is not None:
                self._waiting.cancel()
            # The deadline counts as reached when the timer fires: it may be one clock resolution early.
            self._waiting = asyncio.get_running_loop().call_at(over_at, lambda: self._look(now=over_at))
            return
        self._is_back = self._is_unanswered = False
        logger.info(
            "a model is back, the waiting question is answered", extra={"action": "call.answers_late"}
        )
        try:
            self._session.generate_reply()
        except RuntimeError:
            logger.debug("no answer, the pipeline is closing")
