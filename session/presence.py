"""Who is in the room, by its own roster, and who of them is heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from livekit import rtc

from session.linking import choose_linked
from session.roster import Human, humans_among


class Ear(Protocol):
    """Hears one human at a time."""

    @property
    def linked(self) -> str | None: ...
    def link(self, identity: str) -> None: ...


class Presence:
    """The humans, counted anew from the roster at each event and never by adding up events.

    Args:
        room: Need not be connected yet.
        ear: Follows the humans.
        is_frozen: Nothing counts now, because the roster says nothing of who is there.
        on_counted: Called after each count, with whether it brought news.
    """

    def __init__(
        self,
        room: rtc.Room,
        ear: Ear,
        *,
        is_frozen: Callable[[], bool],
        on_counted: Callable[[bool], None],
    ) -> None:
        self.humans: list[Human] = []
        """In order of arrival."""
        self._room = room
        self._ear = ear
        self._is_frozen = is_frozen
        self._on_counted = on_counted
        self._speaking: list[str] = []
        self._lost: set[str] = set()

    def listen(self) -> None:
        """Register for everything that can change who is there. Before connecting: nothing is told twice."""
        for event in ("participant_connected", "participant_disconnected", "participant_attributes_changed"):
            self._room.on(event, self.count)
        self._room.on("active_speakers_changed", self._on_speakers)
        self._room.on("connection_quality_changed", self._on_quality)

    def count(self, *_: object) -> None:
        """Count, and hear who is to be heard. May be called at any time."""
        if self._is_frozen():
            return
        # A participant is told of before its `joined_at` order is known here: the dict keeps arrival order.
        humans = humans_among(self._room.remote_participants.values())
        is_news = humans != self.humans
        self.humans = humans
        self._lost &= {human.identity for human in humans}
        self._follow()
        self._on_counted(is_news)

    def _follow(self) -> None:
        linked = choose_linked(self._ear.linked, self.humans, speaking=self._speaking, lost=self._lost)
        if linked is not None:
            self._ear.link(linked)

    def _on_speakers(self, speakers: list[rtc.Participant]) -> None:
        self._speaking = [speaker.identity for speaker in speakers]
        if not self._is_frozen():
            self._follow()

    def _on_quality(self, participant: rtc.Participant, quality: int) -> None:
        if quality == rtc.ConnectionQuality.QUALITY_LOST:
            self._lost.add(participant.identity)
        else:
            self._lost.discard(participant.identity)
        if not self._is_frozen():
            self._follow()
