"""An agent whose sound did not come into the room ends, so that another one takes its place."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from livekit import rtc

from session.voice_watch import MUTE_LIMIT
from tests.session.box import Box

pytestmark = pytest.mark.looptime

LOOK_INTERVAL = 5.0


class Watched:
    """A call that looks for the voice every `LOOK_INTERVAL` seconds."""

    def __init__(self, *, speaks: bool = True) -> None:
        self.box = Box(greeting="", speaks=speaks)
        self.ended_at: list[float] = []
        self.box.conversation.on_closed = self._on_closed

    def _on_closed(self, *, is_error: bool) -> None:
        assert is_error
        self.ended_at.append(asyncio.get_running_loop().time())
        self.box.conversation.leave(hears_out=True)

    async def begin(self) -> None:
        await self.box.start()
        self.box.comes("ann", "PA_1")

    async def look(self, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(LOOK_INTERVAL)
            self.box.conversation.look_for_voice()


async def test_it_ends_when_a_human_is_there_and_its_sound_is_not(looptime: float) -> None:
    watched = Watched()
    await watched.begin()
    watched.box.room.local_participant.track_publications.clear()
    await watched.look(20)
    assert watched.ended_at == [0.5 + LOOK_INTERVAL + MUTE_LIMIT], "once"


async def test_a_picture_is_no_sound(looptime: float) -> None:
    watched = Watched()
    await watched.begin()
    watched.box.room.sound.kind = rtc.TrackKind.KIND_VIDEO
    await watched.look(20)
    assert len(watched.ended_at) == 1


async def test_with_its_sound_in_the_room_it_stays(looptime: float) -> None:
    watched = Watched()
    await watched.begin()
    await watched.look(20)
    assert watched.ended_at == []


async def test_without_a_human_nothing_is_published_yet(looptime: float) -> None:
    watched = Watched()
    watched.box.room.local_participant.track_publications.clear()
    watched.box.conversation.look_for_voice()
    await watched.box.start()
    await watched.look(20)
    assert watched.ended_at == []
    watched.box.comes("ann", "PA_1")
    await watched.look(2)
    assert watched.ended_at == [], "it may still come"
    watched.box.leaves("ann")
    await watched.look(1)
    watched.box.comes("bob", "PA_2")
    await watched.look(2)
    assert watched.ended_at == []


async def test_while_livekit_is_out_of_reach_nothing_is_missed(looptime: float) -> None:
    watched = Watched()
    await watched.begin()
    watched.box.room.local_participant.track_publications.clear()
    await watched.look(2)
    watched.box.room.connection_state = rtc.ConnectionState.CONN_RECONNECTING
    await watched.look(20)
    watched.box.room.connection_state = rtc.ConnectionState.CONN_CONNECTED
    await watched.look(2)
    watched.box.room.local_participant.track_publications["TR_2"] = watched.box.room.sound
    await watched.look(20)
    assert watched.ended_at == []


async def test_an_avatar_that_speaks_in_its_place_is_heard(looptime: float) -> None:
    watched = Watched()
    await watched.begin()
    watched.box.room.local_participant.track_publications.clear()
    own = watched.box.session.output.audio
    watched.box.session.output.audio = SimpleNamespace(next_in_chain=SimpleNamespace(next_in_chain=None))
    await watched.look(20)
    assert watched.ended_at == []
    watched.box.session.output.audio = SimpleNamespace(next_in_chain=own)
    await watched.look(3)
    assert len(watched.ended_at) == 1, "the avatar has died"


async def test_who_only_writes_has_no_sound(looptime: float) -> None:
    watched = Watched(speaks=False)
    await watched.begin()
    watched.box.room.local_participant.track_publications.clear()
    await watched.look(20)
    assert watched.ended_at == []
