"""Whose video is read when several humans talk. A screen that stands still sends a frame once, to who reads then."""

from __future__ import annotations

import asyncio
import base64
import io
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession
from PIL import Image

from session.presence import Presence
from session.seeing import FIRST_FRAME_TIMEOUT, Eye
from tests.session.fake_video import Stream, Track, frame_of

pytestmark = pytest.mark.looptime


class Live(Track):
    """Its frames reach only those who read when they come."""

    def show(self, frame: rtc.VideoFrame) -> None:
        if self.n_open:
            super().show(frame)


class Someone:
    """A human who shares a screen whose picture is `size` pixels wide and high; 0 = shares nothing."""

    kind = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD

    def __init__(self, identity: str, size: int) -> None:
        self.identity = identity
        self.attributes: dict[str, str] = {}
        self.size = size
        self.screen = Live(f"{identity}-screen", rtc.TrackSource.SOURCE_SCREENSHARE)

    @property
    def track_publications(self) -> dict[str, Track]:
        return {self.screen.sid: self.screen} if self.size else {}

    async def draw(self) -> None:
        """The one frame that a screen sends before it stands still."""
        self.screen.show(frame_of(self.size, self.size))
        await asyncio.sleep(0.01)


class Room(rtc.EventEmitter[Any]):
    """A call's: its presence registers first, then its eye; the pipeline hears whom the presence says."""

    def __init__(self, *humans: Someone) -> None:
        super().__init__()
        self.remote_participants = {human.identity: human for human in humans}
        self.room_io = SimpleNamespace(linked_participant=None)
        self.presence = Presence(
            cast(rtc.Room, self), self, is_frozen=lambda: False, on_counted=lambda _: None
        )
        self.presence.listen()
        self.presence.count()
        self.eye = Eye()
        self.eye.begin(cast("AgentSession[None]", self), cast(rtc.Room, self))

    @property
    def linked(self) -> str | None:
        linked = self.room_io.linked_participant
        return None if linked is None else linked.identity

    def link(self, identity: str) -> None:
        self.room_io.linked_participant = self.remote_participants[identity]

    async def speaks(self, *identities: str) -> None:
        self.emit("active_speakers_changed", [self.remote_participants[one] for one in identities])
        await asyncio.sleep(0.01)

    async def seen(self) -> int | None:
        """How wide the picture is that goes with a question now."""
        url = await self.eye.picture()
        return None if url is None else Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).width

    @property
    def n_open(self) -> list[int]:
        return [human.screen.n_open for human in self.remote_participants.values()]


@pytest.fixture(autouse=True)
def _streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtc, "VideoStream", Stream)


async def test_whoever_is_listened_to_is_looked_at_from_the_first_word_and_not_from_the_question(
    looptime: float,
) -> None:
    ann, bob = Someone("ann", 20), Someone("bob", 30)
    room = Room(bob, ann)
    assert room.linked == "ann"
    await room.speaks("bob")
    await bob.draw()
    await asyncio.sleep(2)  # the rest of the question
    assert await room.seen() == 30
    assert looptime == pytest.approx(2.02)
    await room.eye.aclose()
    assert room.n_open == [0, 0]


async def test_whoever_is_let_go_because_the_line_is_lost_is_not_looked_at() -> None:
    ann, bob = Someone("ann", 20), Someone("bob", 30)
    room = Room(bob, ann)
    room.emit("connection_quality_changed", ann, rtc.ConnectionQuality.QUALITY_LOST)
    await asyncio.sleep(0.01)
    await bob.draw()
    assert await room.seen() == 30
    await room.eye.aclose()


@pytest.mark.parametrize("size", [0, 30], ids=["who shows nothing", "who shows something"])
async def test_a_word_of_another_one_takes_no_picture_away(size: int, looptime: float) -> None:
    ann, bob = Someone("ann", 20), Someone("bob", size)
    room = Room(bob, ann)
    await asyncio.sleep(1)
    await ann.draw()
    await room.speaks("bob")
    await room.speaks("ann")
    assert await room.seen() == 20
    assert looptime == pytest.approx(1.03)
    await room.eye.aclose()
    assert room.n_open == [0, 0]


async def test_only_the_two_who_were_listened_to_last_are_read() -> None:
    room = Room(*(Someone(identity, 20) for identity in ("cem", "bob", "ann")))
    await room.speaks("bob")
    assert room.n_open == [0, 1, 1]
    await room.speaks("cem")
    assert room.n_open == [1, 1, 0]
    await room.speaks("bob")
    await room.speaks("cem")
    await room.speaks()
    assert room.n_open == [1, 1, 0]
    await room.eye.aclose()


async def test_what_is_not_shown_any_more_is_not_read_whoever_is_listened_to(looptime: float) -> None:
    ann, bob = Someone("ann", 20), Someone("bob", 30)
    room = Room(bob, ann)
    await asyncio.sleep(1)
    await ann.draw()
    await room.speaks("bob")
    ann.screen.muted = True
    room.emit("track_muted", ann, ann.screen)
    await asyncio.sleep(0.01)
    assert room.n_open == [1, 0]
    ann.screen.muted = False
    await room.speaks("ann")
    began_at = asyncio.get_running_loop().time()
    assert await room.seen() is None, "of before it was muted"
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(FIRST_FRAME_TIMEOUT)
    await room.eye.aclose()
