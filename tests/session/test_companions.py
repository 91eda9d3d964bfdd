"""What goes along with a pipeline: begun with it, waited for by the greeting, ended before it."""

from __future__ import annotations

import asyncio

import pytest

from tests.session.box import Box

pytestmark = pytest.mark.looptime


class Friend:
    """Ready after some seconds."""

    def __init__(self, ready_in: float) -> None:
        self._ready_in = ready_in
        self.began_at: float | None = None
        self.n_closed = 0

    def begin(self, session: object, room: object) -> None:
        self.began_at = asyncio.get_running_loop().time()

    async def ready(self) -> None:
        await asyncio.sleep(self._ready_in)

    async def aclose(self) -> None:
        self.n_closed += 1


async def test_the_greeting_waits_for_them_and_the_pipeline_hears_meanwhile(looptime: float) -> None:
    friends = [Friend(0), Friend(2)]
    box = Box(companions=friends)
    box.conversation.set_audience(True)
    starting = asyncio.create_task(box.start())
    await asyncio.sleep(1)
    assert box.conversation.is_running
    assert box.session.said == []
    await starting
    assert box.session.said == [("Hi.", 2.5)]
    assert [friend.began_at for friend in friends] == [0.5, 0.5]


async def test_who_only_writes_greets_whoever_can_read_it(looptime: float) -> None:
    """LiveKit drops words for those whose connection is not up yet."""
    box = Box(speaks=False)
    box.comes("ann", "PA_1")
    await box.start()
    await asyncio.sleep(1)
    assert box.session.said == []
    box.joins("bob", "PA_2")
    box.room.is_up("bob")
    assert box.session.said == [], "and they listen to ann"
    box.room.is_up("ann")
    box.room.is_up("bob")
    assert [text for text, _ in box.session.said] == ["Hi."]


async def test_who_only_writes_greets_whoever_it_listens_to_later(looptime: float) -> None:
    box = Box(speaks=False)
    box.conversation.set_audience(True)
    await box.start()
    box.joins("ann", "PA_1")
    box.room.is_up("ann")
    assert box.session.said == []
    box.conversation.link("ann")
    assert [text for text, _ in box.session.said] == ["Hi."]


async def test_who_speaks_greets_at_once(looptime: float) -> None:
    box = Box()
    box.comes("ann", "PA_1")
    await box.start()
    assert [text for text, _ in box.session.said] == ["Hi."]


async def test_who_only_writes_has_no_voice(looptime: float) -> None:
    box = Box(speaks=False)
    await box.start()
    assert not box.session.has_voice
    box = Box()
    await box.start()
    assert box.session.has_voice
