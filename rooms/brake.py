"""Holds back when so much is to be done at once that the keeper itself may be wrong. Pure.

An act that rests on silence alone (nobody saw the process end, and the agent does not answer) is also what a broken
network looks like. A few of those are agents; many at once are the network.
"""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
"""Seconds in which acts count as at once."""

COUNT = 3
SHARE = 0.2
"""So many acts on silence alone are believed, or this share of all rooms, whichever is more."""

MOST = 60
"""Acts of all kinds in `WINDOW_OF_ALL`, or two for each room, whichever is more. A loop gone wild must not bury
LiveKit."""

WINDOW_OF_ALL = 10.0


class Brake:
    """Remembers acts and says whether another one is right."""

    def __init__(self) -> None:
        self._guesses: deque[float] = deque()
        self._acts: deque[float] = deque()
        self.held_since: float | None = None
        """Since when acts on silence are held back; None = they are not."""

    def allow(self, *, is_guess: bool, n_rooms: int, now: float) -> bool:
        """Whether to act now. An act that is allowed is remembered.

        Args:
            is_guess: It rests on silence alone.
            n_rooms: Rooms that there are.
        """
        if not self.would_allow(is_guess=is_guess, n_rooms=n_rooms, now=now):
            return False
        if is_guess:
            self._guesses.append(now)
        self._acts.append(now)
        return True

    def would_allow(self, *, is_guess: bool, n_rooms: int, now: float) -> bool:
        """Whether it is worth preparing an act."""
        self._forget_old(now)
        if len(self._acts) >= max(MOST, 2 * n_rooms):
            return False
        if is_guess and len(self._guesses) >= max(COUNT, SHARE * n_rooms):
            self.held_since = now if self.held_since is None else self.held_since
            return False
        return True

    def is_holding(self, *, now: float) -> bool:
        """Whether acts on silence are held back, as far as anybody has wanted one lately."""
        self._forget_old(now)
        return self.held_since is not None

    def _forget_old(self, now: float) -> None:
        _forget(self._guesses, now - WINDOW)
        _forget(self._acts, now - WINDOW_OF_ALL)
        if not self._guesses:
            self.held_since = None


def _forget(moments: deque[float], before: float) -> None:
    while moments and moments[0] <= before:
        moments.popleft()
