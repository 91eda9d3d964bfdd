"""Turns of a call that the registry has not acknowledged yet. Pure."""

from __future__ import annotations

from collections import deque

import msgspec

from heartbeat.texts import paragraphs
from session.utterance import Utterance
from wire import MAX_REPORT_BYTES, MAX_TURN, MAX_TURNS, Turn

MOST_UNSENT = 1_000
"""Turns kept for a registry that is away: some hours of talk. The oldest go first; the journal has them all."""

_MOST_BYTES = MAX_REPORT_BYTES * 3 // 4
"""JSON of the turns in one report; the rest is for everything else in it."""


class Unsent:
    """Gives turns their numbers when they are sent for the first time, so that dropping some leaves no gap."""

    def __init__(self) -> None:
        self._outstanding: list[tuple[Turn, float]] = []  # sent once or more; with when they were said
        self._waiting: deque[tuple[Utterance, float]] = deque()
        self._n_numbered = 0

    def __len__(self) -> int:
        return len(self._outstanding) + len(self._waiting)

    def add(self, said: Utterance, *, now: float) -> None:
        """Take what was said at `now`."""
        self._waiting.append((said, now))
        if len(self) > MOST_UNSENT:
            self._waiting.popleft()

    def batch(self, *, now: float) -> tuple[Turn, ...]:
        """The turns for the next report, in order: those of the last one that were not acknowledged, and new ones."""
        size = sum(_size(turn) for turn, _ in self._outstanding)
        while self._waiting and len(self._outstanding) < MAX_TURNS:
            said, said_at = self._waiting[0]
            turn = Turn(
                number=self._n_numbered,
                role=said.role,
                text=paragraphs(said.text, MAX_TURN),
                interrupted=said.interrupted,
            )
            size += _size(turn)
            if self._outstanding and size > _MOST_BYTES:
                break
            self._waiting.popleft()
            self._outstanding.append((turn, said_at))
            self._n_numbered += 1
        return tuple(
            msgspec.structs.replace(turn, age=max(0.0, now - said_at)) for turn, said_at in self._outstanding
        )

    def acknowledge(self, n_turns: int) -> bool:
        """Forget the turns of the last batch that the registry has now.

        Args:
            n_turns: The registry has all turns with a smaller number. If it has fewer than it once acknowledged, it
                has lost some that are not here any more, and the rest is taken for kept.

        Returns:
            Whether that was any, if there were any.
        """
        before = len(self._outstanding)
        if before and n_turns < self._outstanding[0][0].number:
            self._outstanding.clear()
        self._outstanding = [one for one in self._outstanding if one[0].number >= n_turns]
        return before == 0 or len(self._outstanding) < before


def _size(turn: Turn) -> int:
    return len(msgspec.json.encode(turn))
