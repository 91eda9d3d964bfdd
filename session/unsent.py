"""What the registry has not acknowledged yet of a call: its turns, or its events. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from heartbeat.texts import one_line, paragraphs
from session.utterance import Utterance
from wire import MAX_EVENT, MAX_EVENTS, MAX_REPORT_BYTES, MAX_TURN, MAX_TURNS, Event, Turn

MOST_UNSENT = 1_000
"""Turns kept for a registry that is away: some hours of talk. The oldest go first; the journal has them all."""

_MOST_BYTES = MAX_REPORT_BYTES * 3 // 4
"""JSON of the turns in one report; the rest is for everything else in it."""

_Item = TypeVar("_Item")
_Numbered = TypeVar("_Numbered", bound=Turn | Event)


class Unsent(Generic[_Item, _Numbered]):
    """Gives items their numbers when they are sent for the first time, so that dropping some leaves no gap.

    Args:
        numbered: Makes of an item what is sent.
        most: How many go into one report.
    """

    def __init__(self, numbered: Callable[[_Item, int], _Numbered], *, most: int) -> None:
        self._numbered = numbered
        self._most = most
        self._outstanding: list[tuple[_Numbered, float]] = []  # sent once or more; with when they happened
        self._waiting: deque[tuple[_Item, float]] = deque()
        self._n_numbered = 0

    def __len__(self) -> int:
        return len(self._outstanding) + len(self._waiting)

    def add(self, item: _Item, *, now: float) -> None:
        """Take what happened at `now`."""
        self._waiting.append((item, now))
        if len(self) > MOST_UNSENT:
            self._waiting.popleft()

    def batch(self, *, now: float) -> tuple[_Numbered, ...]:
        """Those for the next report, in order: those of the last one that were not acknowledged, and new ones."""
        size = sum(_size(one) for one, _ in self._outstanding)
        while self._waiting and len(self._outstanding) < self._most:
            item, happened_at = self._waiting[0]
            one = self._numbered(item, self._n_numbered)
            size += _size(one)
            if self._outstanding and size > _MOST_BYTES:
                break
            self._waiting.popleft()
            self._outstanding.append((one, happened_at))
            self._n_numbered += 1
        return tuple(
            msgspec.structs.replace(one, age=max(0.0, now - happened_at))
            for one, happened_at in self._outstanding
        )

    def acknowledge(self, n_kept: int | None) -> bool:
        """Forget those of the last batch that the registry has now.

        Args:
            n_kept: The registry has all with a smaller number. If it has fewer than it once acknowledged, it has lost
                some that are not here any more, and the rest is taken for kept. None = it keeps none of this kind, and
                those of the batch are forgotten.

        Returns:
            Whether that was any, if there were any.
        """
        before = len(self._outstanding)
        if n_kept is None or (before and n_kept < self._outstanding[0][0].number):
            self._outstanding.clear()
            return True
        self._outstanding = [one for one in self._outstanding if one[0].number >= n_kept]
        return before == 0 or len(self._outstanding) < before


def unsent_turns(*, began_at: float, keeps_text: bool = True) -> Unsent[tuple[Utterance, float], Turn]:
    """Turns, each with when it came to its end.

    Args:
        began_at: When the session began, on the same clock.
        keeps_text: Tell what was said. Otherwise only who spoke, when, and how long it took.
    """

    def numbered(item: tuple[Utterance, float], number: int) -> Turn:
        said, ended_at = item
        began_ago = said.began_ago
        return Turn(
            number=number,
            role=said.role,
            text=paragraphs(said.text, MAX_TURN) if keeps_text else "",
            is_kept=keeps_text,
            interrupted=said.interrupted,
            started=None if began_ago is None else round(max(0.0, ended_at - began_ago - began_at), 3),
            duration=said.duration,
            delays=said.delays,
        )

    return Unsent(numbered, most=MAX_TURNS)


def unsent_events() -> Unsent[tuple[str, str], Event]:
    """Events: a kind and a text, which is cut to its length."""

    def numbered(item: tuple[str, str], number: int) -> Event:
        kind, text = item
        return Event(number=number, kind=kind, text=one_line(text, MAX_EVENT))

    return Unsent(numbered, most=MAX_EVENTS)


def _size(one: Turn | Event) -> int:
    return len(msgspec.json.encode(one))
