"""What a call tells its conversation. LiveKit, the registry and the pipeline are stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import JobContext
from pydantic import SecretStr

from config import LiveKitLogin, Settings
from lifecycle import CloseReason, Watchdog
from session.beating import Beating
from session.call import RECOUNT_INTERVAL, Call
from session.conversation import Conversation
from session.journal import Journal
from session.notes import Notes
from session.reporting import Reporting
from session.roster import Human
from session.server_api import ServerApi
from session.story import Story
from session.trouble import Trouble
from tests.session.box import FakeRoom
from wire import AgentId

pytestmark = pytest.mark.looptime


class CallRoom(FakeRoom):
    def __init__(self) -> None:
        super().__init__()
        self.name = "agent-7-room"
        self.on_event: dict[str, Callable[..., None]] = {}
        self.local_participant = SimpleNamespace(
            identity="ai-7-x",
            kind=rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
            attributes={},
            joined_at=None,
            register_rpc_method=lambda *_: None,
        )

    def on(self, event: str, callback: Callable[..., None]) -> None:
        self.on_event[event] = callback

    def isconnected(self) -> bool:
        return False

    async def disconnect(self) -> None:
        """Leave."""

    def come(self, identity: str) -> None:
        self.remote_participants[identity] = SimpleNamespace(identity=identity, kind=0, attributes={})
        self.on_event["participant_connected"](self.remote_participants[identity])

    def go(self, identity: str) -> None:
        self.on_event["participant_disconnected"](self.remote_participants.pop(identity))


class FakeConversation:
    def __init__(self) -> None:
        self.trouble = Trouble()
        self.on_closed: Callable[..., None] = lambda *, is_error: None
        self.linked: str | None = None
        self.is_running = True
        self.active_at = 0.0
        self.told: list[str] = []
        self.looked_at: list[float] = []
        self.is_mute = False

    async def start(self, _: object) -> None:
        """At once."""

    def link(self, identity: str) -> None:
        self.linked = identity

    def set_audience(self, present: bool) -> None:
        self.told.append("somebody" if present else "nobody")

    def leave(self, *, hears_out: bool) -> None:
        self.told.append("leaves, and hears out" if hears_out else "leaves")

    def look_for_voice(self) -> None:
        self.looked_at.append(asyncio.get_running_loop().time())
        if self.is_mute:
            self.on_closed(is_error=True)

    def usage(self) -> list[dict[str, Any]]:
        return []

    async def hush(self) -> None:
        """At once."""

    async def stop(self) -> None:
        """At once."""


class FakeServerApi:
    async def humans(self, _: str) -> list[Human]:
        return []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        return _nothing


async def _nothing(*_: object, **__: object) -> None:
    """Told and forgotten."""


class Box:
    def __init__(self) -> None:
        self.room = CallRoom()
        self.conversation = FakeConversation()
        ctx = SimpleNamespace(
            room=self.room,
            job=SimpleNamespace(id="AJ_1", room=SimpleNamespace(name=self.room.name, departure_timeout=300)),
            connect=_nothing,
            shutdown=lambda _: None,
        )
        reporting = SimpleNamespace(
            story=Story(),
            count=lambda _: None,
            begin=lambda *_, **__: None,
            run=_nothing,
            end=_nothing,
            aclose=_nothing,
            is_heard=False,
            keeps_rooms=False,
        )
        beating = SimpleNamespace(
            tell=lambda: None, begin=lambda _: None, say_goodbye=_nothing, is_heard=False
        )
        self.call = Call(
            cast(JobContext, ctx),
            agent_id=AgentId("7"),
            settings=Settings(grace_period=20.0),
            conversation=cast(Conversation, self.conversation),
            journal=Journal(None, job_id="AJ_1", keeps_text=False),
            login=LiveKitLogin(url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr("secret")),
            server_api=cast(ServerApi, FakeServerApi()),
            watchdog=cast(Watchdog, SimpleNamespace(limit=lambda *_: None, clear=lambda _: None)),
            beating=cast(Beating, beating),
            reporting=cast(Reporting, reporting),
            notes=Notes(),
        )


async def test_who_is_there_when_the_agent_leaves_is_heard_out(looptime: float) -> None:
    box = Box()
    await box.call.start()
    box.room.come("ann")
    await asyncio.sleep(3)
    box.call.close(CloseReason.OPERATOR)
    assert await box.call.finish() is CloseReason.OPERATOR
    assert box.conversation.told == ["somebody", "leaves, and hears out"]


async def test_when_all_have_left_nobody_is(looptime: float) -> None:
    box = Box()
    await box.call.start()
    box.room.come("ann")
    await asyncio.sleep(3)
    box.room.go("ann")
    await asyncio.sleep(60)
    assert await box.call.finish() is CloseReason.HUMANS_LEFT
    assert box.conversation.told == ["somebody", "nobody", "leaves"]


async def test_who_has_just_gone_is_not_waited_for(looptime: float) -> None:
    box = Box()
    await box.call.start()
    box.room.come("ann")
    await asyncio.sleep(3)
    box.room.go("ann")
    box.call.close(CloseReason.OPERATOR)
    await box.call.finish()
    assert box.conversation.told == ["somebody", "leaves"]


async def test_its_voice_is_looked_for_again_and_again(looptime: float) -> None:
    box = Box()
    await box.call.start()
    box.room.come("ann")
    await asyncio.sleep(3.2 * RECOUNT_INTERVAL)
    assert box.conversation.looked_at == [RECOUNT_INTERVAL, 2 * RECOUNT_INTERVAL, 3 * RECOUNT_INTERVAL]
    box.conversation.is_mute = True
    await asyncio.sleep(RECOUNT_INTERVAL)
    assert await box.call.finish() is CloseReason.PIPELINE_ENDED
