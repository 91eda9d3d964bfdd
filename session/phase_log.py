"""The life of a room in a few lines of the log, always the same words."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lifecycle import CloseReason, Phase

logger = logging.getLogger(__name__)


class PhaseLog:
    """Tells each new phase of a call. No identities: only how many humans there are.

    Args:
        happened: Told of each grace period that begins or ends, too: a kind of `wire.EVENT_KINDS`, and words.
    """

    def __init__(self, happened: Callable[[str, str], None] = lambda _, __: None) -> None:
        self._happened = happened
        self._before = Phase.STARTING

    def entered(
        self, phase: Phase, *, n_humans: int, grace_left: float | None, reason: CloseReason | None
    ) -> None:
        """Tell a phase that has just begun.

        Args:
            grace_left: Seconds until the agent leaves; None outside the grace period.
            reason: Why it leaves; None = it does not.
        """
        before, self._before = self._before, phase
        logger.info("room phase", extra={"action": "room.phase", "phase": phase.value, "humans": n_humans})
        if phase is Phase.GRACE_PERIOD:
            logger.info("humans left", extra={"action": "humans.left"})
            logger.info(
                "grace period started",
                extra={
                    "action": "grace.started",
                    "left": None if grace_left is None else round(grace_left, 1),
                },
            )
            self._happened("grace_began", "" if grace_left is None else f"for {grace_left:.0f} s")
        elif before is Phase.GRACE_PERIOD and phase is Phase.ACTIVE:
            logger.info("grace period cancelled", extra={"action": "grace.cancelled", "humans": n_humans})
            self._happened("grace_ended", "a human is there again")
        elif before is Phase.GRACE_PERIOD and reason is CloseReason.HUMANS_LEFT:
            logger.info("grace period expired", extra={"action": "grace.expired"})
            self._happened("grace_ended", "nobody came back")
