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


async def test_who_only_writes_has_no_voice(looptime: float) -> None:
    box = Box(speaks=False)
    await box.start()
    assert not box.session.has_voice
    box = Box()
    await box.start()
    assert box.session.has_voice
