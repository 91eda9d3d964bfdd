"""The life of a room as a pure state machine: no clock, no tasks, no LiveKit.

Rule: every transition lives in this file. Callers pass `now`; the machine answers with its phase
and the next deadline. `driver.py` owns the timer, `session/` owns LiveKit.

    STARTING --a human--> ACTIVE --no human--> GRACE_PERIOD --a human--> ACTIVE
       |                    |                       |
       +--- never joined ---+---- disconnected -----+---- grace over ----> CLOSING
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits:
    grace_period: float = 60.0
    """Wait for the humans to come back. Longer than a page reload, shorter than a bill."""

    first_human_timeout: float = 120.0
    """Wait for the first human. Rooms may be created long before anyone joins."""

    disconnected_timeout: float = 300.0
    """Longest time without LiveKit. Its SDK gives up by itself well before; this is the backstop."""

    max_session: float = 43_200.0
    """Longest call. Nobody talks for twelve hours; a forgotten tab does."""

    absence_delay: float = 0.5
    """An empty roster is believed after this long. LiveKit empties it for about 50 ms before it says
    that it reconnects. The grace period still counts from the moment the roster emptied."""

    recheck_interval: float = 5.0
    """LiveKit's list knows a human whom the roster does not: look again after this. Participants who
    publish nothing are announced up to 3 s late."""

    unanswered_interval: float = 1.0
    """LiveKit's list could not be had: ask again after this."""

    max_unanswered: int = 3
    """So many lists in a row that could not be had, and the roster alone decides."""


class Phase(enum.Enum):
    STARTING = "starting"  # no human has been seen yet
    ACTIVE = "active"  # at least one human is in the room
    GRACE_PERIOD = "grace_period"  # all humans left; they may come back
    CLOSING = "closing"  # terminal


class CloseReason(enum.Enum):
    NEVER_JOINED = "never_joined"  # first_human_timeout passed
    HUMANS_LEFT = "humans_left"  # the grace period passed
    DISCONNECTED = "disconnected"  # LiveKit out of reach for disconnected_timeout
    MAX_SESSION = "max_session"  # the call took longer than any call may
    OPERATOR = "operator"  # someone with the keys asked for it
    WORKER_SHUTDOWN = "worker_shutdown"  # the worker is being stopped
    DUPLICATE = "duplicate"  # an older agent is in the room
    PIPELINE_ENDED = "pipeline_ended"  # the agent's session closed and cannot be used again
    ROOM_CLOSED = "room_closed"  # LiveKit closed the room
    REMOVED = "removed"  # somebody with the keys removed the agent from its room
    FAILED = "failed"  # the call could not be set up, or an error escaped

    @property
    def is_error(self) -> bool:
        """The process ends with exit code 1."""
        return self in {CloseReason.FAILED, CloseReason.PIPELINE_ENDED}


class RoomLife:
    """Decide when an agent must leave its room.

    Args:
        limits: Time limits of the room.
        now: When the agent entered, in seconds on any monotonic clock. Every later `now` must
            come from the same clock.
    """

    def __init__(self, limits: RoomLimits, *, now: float) -> None:
        self.phase = Phase.STARTING
        self.phase_since = now
        self.close_reason: CloseReason | None = None
        self.needs_confirmation = False
        """The phase's time is over; LiveKit's own list must say that no human is there: see `confirmed`."""
        self._limits = limits
        self._started_at = now
        self._expires_at = now + limits.first_human_timeout  # of STARTING or GRACE_PERIOD
        self._emptied_at = math.inf  # when ACTIVE's roster emptied, until that is believed
        self._disconnected_at = math.inf
        self._n_unanswered = 0

    @property
    def deadline(self) -> float:
        """Earliest `now` at which `tick` can change anything; infinite when nothing is due."""
        if self.phase is Phase.CLOSING:
            return math.inf
        return min(self._max_session_at, self._failsafe_at, self._phase_ends_at)

    @property
    def grace_ends_at(self) -> float | None:
        """When the grace period is over; None in any other phase."""
        return self._expires_at if self.phase is Phase.GRACE_PERIOD else None

    @property
    def is_disconnected(self) -> bool:
        return self._disconnected_at != math.inf

    def roster(self, n_humans: int, *, now: float) -> None:
        """Take the number of humans in the room. Idempotent; ignored while disconnected.

        A count and not an event: LiveKit repeats, reorders and loses joins and leaves.
        """
        if self.phase is Phase.CLOSING or self.is_disconnected:
            return
        if n_humans:
            self._emptied_at = math.inf
            self.needs_confirmation = False
            self._n_unanswered = 0
            self._enter(Phase.ACTIVE, now=now)
        elif self.phase is Phase.ACTIVE:
            self._emptied_at = min(self._emptied_at, now)

    def disconnected(self, *, now: float) -> None:
        """LiveKit is out of reach. May be called twice; the first time counts."""
        self._disconnected_at = min(self._disconnected_at, now)
        self.needs_confirmation = False

    def reconnected(self, *, now: float) -> None:
        """LiveKit is back. A roster must follow; a grace period goes on from where it stood."""
        if self.is_disconnected:
            self._expires_at += max(0.0, now - self._disconnected_at)
            self._emptied_at = math.inf
            self._disconnected_at = math.inf

    def confirmed(self, n_humans: int | None, *, now: float) -> None:
        """Take what LiveKit's own list of participants says, when `needs_confirmation` asked for it.

        Args:
            n_humans: Humans on the list; None when it could not be had.
            now: When the answer came.
        """
        if not self.needs_confirmation or self.phase is Phase.CLOSING:
            return  # a human came, or LiveKit went, while the question was under way
        self.needs_confirmation = False
        if n_humans:
            self._n_unanswered = 0
            self._expires_at = now + self._limits.recheck_interval
            return
        if n_humans is None:
            self._n_unanswered += 1
            if self._n_unanswered < self._limits.max_unanswered:
                self._expires_at = now + self._limits.unanswered_interval
                return
        self.close(
            CloseReason.NEVER_JOINED if self.phase is Phase.STARTING else CloseReason.HUMANS_LEFT, now=now
        )

    def close(self, reason: CloseReason, *, now: float) -> None:
        """End the room's life. May be called twice; the first reason counts."""
        if self.phase is not Phase.CLOSING:
            self.close_reason = reason
            self.needs_confirmation = False
            self._enter(Phase.CLOSING, now=now)

    def tick(self, *, now: float) -> None:
        """Apply every deadline that `now` has reached."""
        if self.phase is Phase.CLOSING:
            return
        if now >= self._max_session_at:
            self.close(CloseReason.MAX_SESSION, now=now)
        elif now >= self._failsafe_at:
            self.close(CloseReason.DISCONNECTED, now=now)
        elif now >= self._phase_ends_at:
            if self.phase is Phase.ACTIVE:
                self._expires_at = self._emptied_at + self._limits.grace_period
                self._enter(Phase.GRACE_PERIOD, now=self._emptied_at)
                self._emptied_at = math.inf
                self.tick(now=now)  # a grace period shorter than `absence_delay` is over already
            else:
                self.needs_confirmation = True

    @property
    def _max_session_at(self) -> float:
        return self._started_at + self._limits.max_session

    @property
    def _failsafe_at(self) -> float:
        return self._disconnected_at + self._limits.disconnected_timeout

    @property
    def _phase_ends_at(self) -> float:
        if self.is_disconnected or self.needs_confirmation:
            return math.inf
        if self.phase is Phase.ACTIVE:
            return self._emptied_at + self._limits.absence_delay
        return self._expires_at

    def _enter(self, phase: Phase, *, now: float) -> None:
        if phase is not self.phase:
            self.phase = phase
            self.phase_since = now
