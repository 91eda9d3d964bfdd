"""LiveKit's server, as the keeper needs it: the seam, and LiveKit's server API behind it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar

import aiohttp
from google.protobuf.message import DecodeError, Message
from livekit import api
from livekit.api.twirp_client import TwirpClient
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.room import PerformRpcRequest, PerformRpcResponse

from config import LiveKitLogin
from rooms.errors import LiveKitError
from rooms.picture import Answer
from wire import LEAVE_METHOD, NOT_HUMAN, STATUS_METHOD, is_human, role_of

REQUEST_TIMEOUT = 3.0
"""Seconds for one request. A server nearby answers in milliseconds."""

ASK_TIMEOUT = 0.4
"""Seconds that an agent has to answer. A living one takes four milliseconds."""

DEPARTURE_TIMEOUT = 120
"""Seconds that rooms which the keeper makes stay open without humans: longer than an agent's grace period."""

EMPTY_TIMEOUT = 300
"""Likewise, until the first human. LiveKit's own default."""

_TOKEN_TTL = timedelta(seconds=30)
_HUMAN_KINDS = frozenset(
    {ParticipantInfo.Kind.STANDARD, ParticipantInfo.Kind.SIP, ParticipantInfo.Kind.CONNECTOR}
)
_RPC_ERROR = re.compile(r"RpcError (\d+)")
_NO_ANSWER = frozenset({1401, 1501, 1502, 1503, 1505})
"""LiveKit's RPC errors for nobody who answers: recipient not found, connection and response time-out, recipient
disconnected, send failed."""

_CANNOT_ASK = frozenset({1402, 1403, 1404})
"""Those that say nothing of the agent: the question is too long, or the server or its version cannot ask. Any other
error came from the agent itself, so it lives."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRoom:
    """A room in LiveKit's list of rooms."""

    name: str
    sid: str
    created_at: float
    """Seconds since the epoch, by LiveKit's clock."""

    departure_timeout: float
    n_participants: int
    empty_timeout: float = 300.0
    """LiveKit's default, unless it says otherwise."""

    metadata: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody on LiveKit's list of a room."""

    identity: str
    is_agent: bool
    human_role: str | None
    """None = not a human."""

    attributes: Mapping[str, str]
    joined_at: float
    """Seconds since the epoch, by LiveKit's clock."""

    is_active: bool


class LiveKit(Protocol):
    """Every call raises `LiveKitError` when LiveKit is out of reach or refuses."""

    async def rooms(self) -> list[ListedRoom]: ...

    async def participants(self, room: str) -> list[Participant] | None:
        """Everybody in a room, hidden ones too. Where there is no such room: nobody (1.13.5), or None."""

    async def ask(self, room: str, identity: str) -> Answer:
        """Ask an agent how it is, twice. Raises nothing."""

    async def ask_to_leave(self, room: str, identity: str, *, reason: str) -> bool:
        """Ask an agent to leave; whether it took it. Raises nothing."""

    async def dispatch(self, room: str, *, metadata: str) -> str:
        """Ask for an agent in a room that exists; returns the dispatch's id."""

    async def undispatch(self, room: str, dispatch_id: str) -> None:
        """Take a dispatch back, in a room that exists. One that is gone is fine."""

    async def remove(self, room: str, identity: str) -> None:
        """Remove a participant; one that is gone is fine. Its process cannot act in the room from then on."""

    async def create(self, room: str, *, metadata: str) -> str:
        """Make a room that stays open for longer than a grace period. One that is there stays as it is.

        Returns:
            The room's sid.
        """

    async def delete(self, room: str) -> None:
        """Close a room for everybody; one that is gone is fine."""

    async def aclose(self) -> None:
        """May be called twice."""


class LiveKitServer:
    """`LiveKit` over its server API.

    Args:
        login: Of the project.
        agent_name: What the workers are registered as; "" = they take automatic dispatches.
    """

    def __init__(self, login: LiveKitLogin, *, agent_name: str = "") -> None:
        self._url = re.sub(r"^ws", "http", login.url)
        self._key = login.api_key
        self._secret = login.api_secret.get_secret_value()
        self._agent_name = agent_name
        self._http: aiohttp.ClientSession | None = None

    async def rooms(self) -> list[ListedRoom]:
        answer = await self._bounded(self._rooms.list_rooms(api.ListRoomsRequest()))
        return [
            ListedRoom(
                name=room.name,
                sid=room.sid,
                created_at=(room.creation_time_ms or room.creation_time * 1000) / 1000,
                departure_timeout=float(room.departure_timeout),
                empty_timeout=float(room.empty_timeout),
                metadata=room.metadata,
                n_participants=room.num_participants,
            )
            for room in answer.rooms
        ]

    async def participants(self, room: str) -> list[Participant] | None:
        request = api.ListParticipantsRequest(room=room)
        try:
            answer = await self._bounded(self._rooms.list_participants(request))
        except _NotFoundError:
            return None
        return [
            _participant(one)
            for one in answer.participants
            if one.state != ParticipantInfo.State.DISCONNECTED
        ]

    async def ask(self, room: str, identity: str) -> Answer:
        answer = Answer.UNKNOWN
        for _ in range(2):
            answer, text = await self._perform(room, identity, STATUS_METHOD, {})
            if answer is not Answer.SILENT:
                return Answer.LEAVING if answer is Answer.ANSWERED and _is_closing(text) else answer
        return answer

    async def ask_to_leave(self, room: str, identity: str, *, reason: str) -> bool:
        answer, text = await self._perform(room, identity, LEAVE_METHOD, {"reason": reason})
        return answer is Answer.ANSWERED and bool(text)  # a refusal is an answer, too, without a text

    async def dispatch(self, room: str, *, metadata: str) -> str:
        request = api.CreateAgentDispatchRequest(room=room, agent_name=self._agent_name, metadata=metadata)
        return (await self._bounded(self._dispatches.create_dispatch(request))).id

    async def undispatch(self, room: str, dispatch_id: str) -> None:
        try:
            await self._bounded(self._dispatches.delete_dispatch(dispatch_id, room))
        except _NotFoundError:
            return

    async def remove(self, room: str, identity: str) -> None:
        request = api.RoomParticipantIdentity(room=room, identity=identity)
        try:
            await self._bounded(self._rooms.remove_participant(request))
        except _NotFoundError:
            return

    async def create(self, room: str, *, metadata: str) -> str:
        request = api.CreateRoomRequest(
            name=room,
            departure_timeout=DEPARTURE_TIMEOUT,
            empty_timeout=EMPTY_TIMEOUT,
            metadata=metadata,
        )
        return (await self._bounded(self._rooms.create_room(request))).sid

    async def delete(self, room: str) -> None:
        try:
            await self._bounded(self._rooms.delete_room(api.DeleteRoomRequest(room=room)))
        except _NotFoundError:
            return

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _perform(
        self, room: str, identity: str, method: str, payload: dict[str, str]
    ) -> tuple[Answer, str]:
        """Call a method of an agent. `livekit.api` 1.2.2 has no function for it."""
        token = self._token(room)
        request = PerformRpcRequest(
            room=room,
            destination_identity=identity,
            method=method,
            payload=json.dumps({"token": token, **payload}),
            response_timeout_ms=round(ASK_TIMEOUT * 1000),
        )
        client = TwirpClient(self._session, self._url, "livekit", failover=False)
        headers = {"authorization": f"Bearer {token}"}
        try:
            call: Awaitable[Message] = client.request(
                "RoomService", "PerformRpc", request, headers, PerformRpcResponse
            )
            # An identity that is not there is looked for during three seconds.
            answer = await self._bounded(call, limit=4 * ASK_TIMEOUT)
        except LiveKitError as error:
            code = _RPC_ERROR.search(str(error))
            if code is None:
                return Answer.UNKNOWN, ""
            return _meaning(int(code[1])), ""
        assert isinstance(answer, PerformRpcResponse)  # noqa: S101  # the class that was asked for
        return Answer.ANSWERED, answer.payload

    async def _bounded(self, call: Awaitable[_T], *, limit: float = REQUEST_TIMEOUT) -> _T:
        try:
            async with asyncio.timeout(limit):
                return await call
        except api.TwirpError as error:
            if error.code == api.TwirpErrorCode.NOT_FOUND:
                raise _NotFoundError(error.message) from error
            raise LiveKitError(self._explained(error)) from error
        except TimeoutError as error:
            raise LiveKitError(f"LiveKit at {self._url} does not answer within {limit:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise LiveKitError(f"LiveKit at {self._url} is out of reach: {error}") from error
        except DecodeError as error:
            raise LiveKitError(
                f"what answers at {self._url} is not LiveKit; see LIVEKIT_URL, and a proxy in between"
            ) from error

    def _explained(self, error: api.TwirpError) -> str:
        if error.status in {401, 403}:
            return (
                f"LIVEKIT_API_KEY and LIVEKIT_API_SECRET are refused by {self._url} (HTTP {error.status}); take the "
                "pair from its configuration, and check this machine's clock"
            )
        return f"LiveKit did not do it ({error.code}, HTTP {error.status}): {error.message}"

    def _token(self, room: str) -> str:
        grants = api.VideoGrants(room_admin=True, room=room)
        return api.AccessToken(self._key, self._secret).with_ttl(_TOKEN_TTL).with_grants(grants).to_jwt()

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        return self._http

    @property
    def _rooms(self) -> api.room_service.RoomService:
        return api.room_service.RoomService(self._session, self._url, self._key, self._secret, failover=False)

    @property
    def _dispatches(self) -> api.agent_dispatch_service.AgentDispatchService:
        return api.agent_dispatch_service.AgentDispatchService(
            self._session, self._url, self._key, self._secret, failover=False
        )


class _NotFoundError(LiveKitError):
    """What was asked about is gone."""


def _meaning(code: int) -> Answer:
    """What an RPC error says of the agent that was asked."""
    if code in _NO_ANSWER:
        return Answer.SILENT
    return Answer.UNKNOWN if code in _CANNOT_ASK else Answer.ANSWERED


def _participant(info: ParticipantInfo) -> Participant:
    attributes = dict(info.attributes)
    human = is_human(kind=info.kind, identity=info.identity, attributes=attributes, human_kinds=_HUMAN_KINDS)
    return Participant(
        identity=info.identity,
        # An avatar is of kind AGENT too, and speaks for one.
        is_agent=info.kind == ParticipantInfo.Kind.AGENT
        and not any(attributes.get(one) for one in NOT_HUMAN),
        human_role=role_of(info.identity) if human else None,
        attributes=attributes,
        joined_at=(info.joined_at_ms or info.joined_at * 1000) / 1000,
        is_active=info.state == ParticipantInfo.State.ACTIVE,
    )


def _is_closing(text: str) -> bool:
    try:
        status = json.loads(text)
    except ValueError:
        return False
    return isinstance(status, dict) and status.get("phase") == "closing"
