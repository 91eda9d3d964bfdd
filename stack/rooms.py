"""What LiveKit's server API says about rooms, and what a test may do to them."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import aiohttp
from google.protobuf.message import Message
from livekit import api
from livekit.api.twirp_client import TwirpClient
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.room import PerformRpcRequest, PerformRpcResponse

from stack.address import Address
from stack.until import until_answered

REQUEST_TIMEOUT = 20.0
"""Seconds for one request; a server on this machine answers in milliseconds."""

AGENT = ParticipantInfo.Kind.AGENT


class Rooms:
    """One open connection to the server API, as a context manager."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """May be called twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def names(self) -> list[str]:
        """The rooms that exist."""
        answer = await self._service.list_rooms(api.ListRoomsRequest())
        return [room.name for room in answer.rooms]

    async def room(self, name: str) -> Room | None:
        answer = await self._service.list_rooms(api.ListRoomsRequest(names=[name]))
        return answer.rooms[0] if answer.rooms else None

    async def create(
        self, name: str, *, departure_timeout: int = 0, empty_timeout: int = 0, metadata: str = ""
    ) -> Room:
        """Create a room; 0 = the server's default. On a room that exists the time limits change nothing."""
        request = api.CreateRoomRequest(
            name=name, departure_timeout=departure_timeout, empty_timeout=empty_timeout, metadata=metadata
        )
        return await self._service.create_room(request)

    async def delete(self, name: str) -> None:
        """Delete a room; one that does not exist is deleted already."""
        try:
            await self._service.delete_room(api.DeleteRoomRequest(room=name))
        except api.TwirpError as error:
            if error.code != api.TwirpErrorCode.NOT_FOUND:
                raise

    async def participants(self, room: str) -> list[ParticipantInfo]:
        """Everyone in `room`, hidden ones too; empty when there is no such room."""
        try:
            answer = await self._service.list_participants(api.ListParticipantsRequest(room=room))
        except api.TwirpError as error:
            if error.code == api.TwirpErrorCode.NOT_FOUND:
                return []
            raise
        return list(answer.participants)

    async def agents(self, room: str) -> list[ParticipantInfo]:
        return [one for one in await self.participants(room) if one.kind == AGENT]

    async def remove(self, room: str, identity: str) -> None:
        await self._service.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))

    async def dispatch(self, room: str, *, agent_name: str = "", metadata: str = "") -> None:
        """Ask for an agent. On a room that does not exist this creates it, which asks for one by itself."""
        request = api.CreateAgentDispatchRequest(agent_name=agent_name, room=room, metadata=metadata)
        await self._call("AgentDispatchService", "CreateDispatch", request, api.AgentDispatch, room=room)

    async def perform_rpc(
        self, room: str, identity: str, method: str, payload: str = "", *, response_timeout: float = 2.0
    ) -> str:
        """Call an RPC method that a participant has registered, through the server.

        Raises:
            livekit.api.TwirpError: No such participant or method, no answer in time, or the method's error.
        """
        request = PerformRpcRequest(
            room=room,
            destination_identity=identity,
            method=method,
            payload=payload,
            response_timeout_ms=round(response_timeout * 1000),
        )
        answer = await self._call("RoomService", "PerformRpc", request, PerformRpcResponse, room=room)
        assert isinstance(answer, PerformRpcResponse)  # noqa: S101  # the class that was asked for
        return answer.payload

    async def wait_for_agents(self, room: str, n: int, *, timeout: float) -> list[ParticipantInfo]:
        """Wait until exactly `n` agents are in `room`.

        Raises:
            LateError: There never were as many, or as few.
        """

        async def look() -> tuple[list[ParticipantInfo]] | None:
            agents = await self.agents(room)
            return (agents,) if len(agents) == n else None

        (agents,) = await until_answered(look, timeout=timeout, what=f"{n} agents in {room}")
        return agents

    async def wait_for_end(self, room: str, *, timeout: float) -> None:
        """Wait until `room` does not exist.

        Raises:
            LateError: It still does.
        """

        async def look() -> bool:
            return await self.room(room) is None

        await until_answered(look, timeout=timeout, what=f"{room} to be deleted")

    @property
    def _http(self) -> aiohttp.ClientSession:
        assert self._session is not None, "use `async with Rooms(...)`"  # noqa: S101
        return self._session

    @property
    def _service(self) -> api.room_service.RoomService:
        address = self._address
        return api.room_service.RoomService(
            self._http, address.http_url, address.api_key, address.api_secret, failover=False
        )

    async def _call(
        self, service: str, method: str, request: Message, answer: type[Message], *, room: str
    ) -> Message:
        """A request of the server API that `livekit.api` 1.2.2 has no function for."""
        token = api.AccessToken(self._address.api_key, self._address.api_secret).with_grants(
            api.VideoGrants(room_admin=True, room=room)
        )
        client = TwirpClient(self._http, self._address.http_url, "livekit", failover=False)
        headers = {"authorization": f"Bearer {token.to_jwt()}"}
        return await client.request(service, method, request, headers, answer)
