"""Makes each beat, from what the owner says and what is measured."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from heartbeat.facts import Facts, Reading, beat_of, goodbye
from heartbeat.schedule import clamp_interval
from wire import Beat

logger = logging.getLogger(__name__)

_LONGEST_ID = 180
"""Characters that are kept of an agent's id when a suffix is added."""

_MOST_RENAMES = 8  # a UUID has 32 digits, and each rename takes four more


class Composer:
    """Counts the beats of one incarnation, and knows under which name it beats.

    Args:
        describe: The owner's facts of now. What it raises is logged once, and the last facts go out again.
        read: What is measured of the process.
        incarnation: UUID of this life of the process; None = a new one.
        interval: Seconds between two beats that the beats tell.
        mask: Takes secrets out of texts.
    """

    def __init__(
        self,
        describe: Callable[[], Facts],
        *,
        read: Callable[[], Reading],
        interval: float,
        incarnation: str | None = None,
        mask: Callable[[str], str] = str,
    ) -> None:
        self.incarnation = incarnation or str(uuid.uuid4())
        self.interval = clamp_interval(interval)
        self._describe = describe
        self._read = read
        self._mask = mask
        self._sequence = 0
        self._n_renames = 0
        self._facts: Facts | None = None
        self._has_complained = False

    def compose(self) -> Beat | None:
        """The next beat; None when the owner has never said anything."""
        facts = self._current_facts()
        return None if facts is None else self._beat(facts)

    def compose_goodbye(self, reason: str) -> Beat | None:
        """The last beat; None as `compose`."""
        facts = self._current_facts()
        return None if facts is None else self._beat(goodbye(facts, reason))

    def step_aside(self) -> str | None:
        """Take another id, because another process has this one; None when that was tried too often.

        The new one is the old one with the first four digits of the incarnation: both processes are seen.
        """
        if self._facts is None or self._n_renames >= _MOST_RENAMES:
            return None
        self._n_renames += 1
        return self._agent_id(self._facts)

    def begin_anew(self) -> None:
        """Take another incarnation, because this one has said goodbye and the process lives."""
        self.incarnation = str(uuid.uuid4())
        self._sequence = 0

    def _current_facts(self) -> Facts | None:
        try:
            self._facts = self._describe()
            self._has_complained = False
        except Exception:
            # The owner's code: whatever it does, the process must be heard of.
            if not self._has_complained:
                self._has_complained = True
                logger.exception(
                    "the facts of a beat could not be had, the last ones are sent",
                    extra={"action": "heartbeat.no_facts"},
                )
        return self._facts

    def _beat(self, facts: Facts) -> Beat:
        self._sequence += 1
        return beat_of(
            facts,
            self._read(),
            agent_id=self._agent_id(facts),
            incarnation=self.incarnation,
            sequence=self._sequence,
            interval=self.interval,
            mask=self._mask,
        )

    def _agent_id(self, facts: Facts) -> str:
        if not self._n_renames:
            return facts.agent_id
        digits = self.incarnation.replace("-", "")
        return f"{facts.agent_id[:_LONGEST_ID]}~{digits[: 4 * self._n_renames]}"
