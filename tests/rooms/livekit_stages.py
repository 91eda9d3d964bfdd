"""LiveKit with people who come and go: in memory, and on a real server."""

from __future__ import annotations

import asyncio
import json
from typing import Protocol

from livekit import api, rtc
from pydantic import SecretStr

from config import LiveKitLogin
from rooms.livekit import LiveKit, LiveKitServer
from stack import livekit_server
from stack.caller.bounded import uncancelled
from tests.rooms.fake_livekit import FakeLiveKit
from wire import INCARNATION, LEAVE_METHOD, LEAVING, STATUS_METHOD


class Stage(Protocol):
    """A LiveKit, and people who come and go."""

    livekit: LiveKit

    async def human(self, room: str, identity: str) -> None: ...
    async def agent(self, room: str, incarnation: str | None, *, answers: bool = True) -> str:
        """An agent comes; returns its identity. One that answers nothing has no methods, or hangs."""

    async def leaving(self, room: str, identity: str) -> None:
        """The agent begins to leave by itself."""

    async def aclose(self) -> None: ...


class FakeStage:
    def __init__(self) -> None:
        self.fake = FakeLiveKit()
        self.livekit: LiveKit = self.fake

    async def human(self, room: str, identity: str) -> None:
        self.fake.join(room, identity)

    async def agent(self, room: str, incarnation: str | None, *, answers: bool = True) -> str:
        return self.fake.agent(room, incarnation, answers=answers).identity

    async def leaving(self, room: str, identity: str) -> None:
        self.fake.made[room].people[identity].attributes[LEAVING] = "humans_left"

    async def aclose(self) -> None:
        await self.livekit.aclose()


class RealStage:
    """On livekit-server, with the SDK's own participants."""

    def __init__(self, server: livekit_server.LiveKitServer) -> None:
        self._server = server
        self._rooms: dict[str, rtc.Room] = {}
        self.livekit: LiveKit = LiveKitServer(login_of(server))

    async def human(self, room: str, identity: str) -> None:
        token = self._server.address.token(room=room, identity=identity)
        await self._connect(identity, token)

    async def agent(self, room: str, incarnation: str | None, *, answers: bool = True) -> str:
        identity = f"ai-1-{incarnation}" if incarnation else "someone-elses"
        token = (
            api.AccessToken(self._server.api_key, self._server.api_secret)
            .with_identity(identity)
            .with_kind("agent")
            .with_attributes({INCARNATION: incarnation} if incarnation else {})
            .with_grants(api.VideoGrants(room_join=True, room=room, agent=True, can_update_own_metadata=True))
        )
        connected = await self._connect(identity, token.to_jwt())

        async def hang(_: rtc.RpcInvocationData) -> str:
            await asyncio.sleep(20)
            return ""

        async def status(_: rtc.RpcInvocationData) -> str:
            leaving = connected.local_participant.attributes.get(LEAVING)
            return json.dumps({"phase": "closing" if leaving else "active"})

        async def leave(data: rtc.RpcInvocationData) -> str:
            reason = json.loads(data.payload)["reason"]
            await connected.local_participant.set_attributes({LEAVING: reason})
            return "{}"

        register = connected.local_participant.register_rpc_method
        register(STATUS_METHOD, status if answers else hang)
        register(LEAVE_METHOD, leave if answers else hang)
        return identity

    async def leaving(self, room: str, identity: str) -> None:
        await self._rooms[identity].local_participant.set_attributes({LEAVING: "humans_left"})

    async def aclose(self) -> None:
        await asyncio.gather(*(room.disconnect() for room in self._rooms.values()))
        await self.livekit.aclose()

    async def _connect(self, identity: str, token: str) -> rtc.Room:
        room = rtc.Room()
        await uncancelled(room.connect(self._server.url, token, rtc.RoomOptions(auto_subscribe=False)))
        self._rooms[identity] = room
        return room


def login_of(server: livekit_server.LiveKitServer, *, secret: str | None = None) -> LiveKitLogin:
    return LiveKitLogin(
        url=server.url, api_key=server.api_key, api_secret=SecretStr(secret or server.api_secret)
    )
