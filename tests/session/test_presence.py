"""Counting humans from the roster, and following them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from livekit import rtc

from session.presence import Presence


@dataclass
class FakeParticipant:
    identity: str
    kind: int = 0
    attributes: dict[str, str] = field(default_factory=dict)


class FakeRoom:
    def __init__(self) -> None:
        self.remote_participants: dict[str, FakeParticipant] = {}
        self.on_event: dict[str, Callable[..., None]] = {}

    def on(self, event: str, callback: Callable[..., None]) -> None:
        self.on_event[event] = callback

    def come(self, identity: str) -> None:
        self.remote_participants[identity] = participant = FakeParticipant(identity)
        self.on_event["participant_connected"](participant)

    def leave(self, identity: str) -> None:
        self.on_event["participant_disconnected"](self.remote_participants.pop(identity))


class FakeEar:
    def __init__(self) -> None:
        self.linked: str | None = None

    def link(self, identity: str) -> None:
        self.linked = identity


class Box:
    def __init__(self) -> None:
        self.room = FakeRoom()
        self.ear = FakeEar()
        self.is_frozen = False
        self.news: list[bool] = []
        self.presence = Presence(
            cast(rtc.Room, self.room),
            self.ear,
            is_frozen=lambda: self.is_frozen,
            on_counted=self.news.append,
        )
        self.presence.listen()

    @property
    def identities(self) -> list[str]:
        return [human.identity for human in self.presence.humans]


@pytest.fixture
def box() -> Box:
    return Box()


def test_who_comes_and_goes_is_counted_and_followed(box: Box) -> None:
    box.room.come("anna")
    box.room.come("ai-7-x")
    box.room.come("bert")
    assert (box.identities, box.ear.linked) == (["anna", "bert"], "anna")
    box.room.leave("anna")
    assert (box.identities, box.ear.linked) == (["bert"], "bert")
    assert box.news == [True, False, True, True]


def test_a_lost_event_is_made_good_by_the_next_count(box: Box) -> None:
    box.room.come("anna")
    del box.room.remote_participants["anna"]
    box.presence.count()
    box.presence.count()
    assert (box.identities, box.news) == ([], [True, True, False])


def test_nothing_counts_while_livekit_is_out_of_reach(box: Box) -> None:
    box.room.come("anna")
    box.is_frozen = True
    box.room.leave("anna")
    box.room.on_event["active_speakers_changed"]([FakeParticipant("bert")])
    assert (box.identities, box.ear.linked, box.news) == (["anna"], "anna", [True])


@pytest.mark.parametrize(
    ("event", "arguments", "linked"),
    [
        ("active_speakers_changed", ([FakeParticipant("bert")],), "bert"),
        (
            "connection_quality_changed",
            (FakeParticipant("anna"), rtc.ConnectionQuality.QUALITY_LOST),
            "bert",
        ),
        (
            "connection_quality_changed",
            (FakeParticipant("anna"), rtc.ConnectionQuality.QUALITY_POOR),
            "anna",
        ),
    ],
    ids=["who speaks is heard", "who is lost is let go", "a poor line is no reason"],
)
def test_it_follows_the_room(event: str, arguments: tuple[Any, ...], linked: str, box: Box) -> None:
    box.room.come("anna")
    box.room.come("bert")
    box.room.on_event[event](*arguments)
    assert box.ear.linked == linked
