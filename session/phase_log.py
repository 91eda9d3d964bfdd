"""The life of a room in a few lines of the log, always the same words."""

from __future__ import annotations

import logging

from lifecycle import CloseReason, Phase

logger = logging.getLogger(__name__)


class PhaseLog:
    """Tells each new phase of a call. No identities: only how many humans there are."""

    def __init__(self) -> None:
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
        elif before is Phase.GRACE_PERIOD and phase is Phase.ACTIVE:
            logger.info("grace period cancelled", extra={"action": "grace.cancelled", "humans": n_humans})
        elif before is Phase.GRACE_PERIOD and reason is CloseReason.HUMANS_LEFT:
            logger.info("grace period expired", extra={"action": "grace.expired"})
