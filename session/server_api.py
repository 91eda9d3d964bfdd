"""What a worker and a call ask of LiveKit's server API. The only user of `livekit.api` on this side."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import jwt
from livekit import api

from config import LiveKitLogin
from session.roster import Human, humans_among
from wire import NOT_HUMAN, OURS

logger = logging.getLogger(__name__)

CALL_TIMEOUT = 2.0
"""Seconds for one call to the API. It answers in milliseconds; leaving as a whole has ten seconds."""

TOKEN_TTL = datetime.timedelta(seconds=30)

API_HUMAN_KINDS = frozenset(
    {
        api.ParticipantInfo.Kind.STANDARD,
        api.ParticipantInfo.Kind.SIP,
        api.ParticipantInfo.Kind.CONNECTOR,
    }
)

_T = TypeVar("_T")

_PASSING = {408, 425, 429}
"""HTTP's ways to say "not now" below 500."""

_FAILURES = (api.TwirpError, aiohttp.ClientError, TimeoutError, OSError)


class NotAllowedError(Exception):
    """A token that does not give the right over this room. The message never holds the token."""


class ServerApi:
    """LiveKit's server API, for one project.

    Args:
        login: Of the project; its secret signs tokens.
        http: Makes what requests go through, at the first one; closed by `aclose`. With a TLS context that is there
            already: loading the machine's certificates takes longer than joining the room.
    """

    def __init__(self, login: LiveKitLogin, *, http: Callable[[], aiohttp.ClientSession]) -> None:
        self._url = login.url
        self._make_http = http
        self._http: aiohttp.ClientSession | None = None
        self._api_key = login.api_key
        self._api_secret = login.api_secret.get_secret_value()

    async def aclose(self) -> None:
        """Close the connections. May be called twice; asking again opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def humans(self, room_name: str) -> list[Human] | None:
        """The humans on LiveKit's own list, empty for a room that is gone; None when it cannot be had."""
        participants = await self._participants(room_name)
        return None if participants is None else humans_among(participants, human_kinds=API_HUMAN_KINDS)

    async def needs_agent(self, room_name: str) -> bool:
        """Whether a human is in this room and no agent; False when LiveKit's list cannot be had."""
        participants = await self._participants(room_name) or []
        has_agent = any(
            one.kind == api.ParticipantInfo.Kind.AGENT
            and not any(
                one.attributes.get(name) for name in NOT_HUMAN
            )  # an avatar speaks for an agent, and is none
            for one in participants
        )
        return not has_agent and bool(humans_among(participants, human_kinds=API_HUMAN_KINDS))

    async def _participants(self, room_name: str) -> list[api.ParticipantInfo] | None:
        try:
            answer = await _bounded(
                self._livekit().room.list_participants(api.ListParticipantsRequest(room=room_name))
            )
        except api.TwirpError as error:
            if error.code == api.TwirpErrorCode.NOT_FOUND:
                return []
            _say_failed("list_participants", error)
            return None
        except _FAILURES as error:
            _say_failed("list_participants", error)
            return None
        return list(answer.participants)

    async def delete_room(self, room_name: str) -> None:
        """Close a room for everyone. A room that is gone already is fine; a failure is logged only.

        An agent that merely leaves would restart the room's departure timer.
        """
        try:
            await _bounded(self._livekit().room.delete_room(api.DeleteRoomRequest(room=room_name)))
        except api.TwirpError as error:
            if error.code != api.TwirpErrorCode.NOT_FOUND:
                _say_failed("delete_room", error)
        except _FAILURES as error:
            _say_failed("delete_room", error)

    async def dispatch(self, room_name: str, *, agent_name: str, metadata: str) -> None:
        """Ask for another agent in a room that exists; a failure is logged only."""
        request = api.CreateAgentDispatchRequest(room=room_name, agent_name=agent_name, metadata=metadata)
        try:
            await _bounded(self._livekit().agent_dispatch.create_dispatch(request))
        except _FAILURES as error:
            _say_failed("create_dispatch", error)

    async def is_dispatch_deleted(self, room_name: str, *, dispatch_id: str) -> bool:
        """As the function of this name."""
        return await _is_dispatch_deleted(self._livekit(), room_name=room_name, dispatch_id=dispatch_id)

    def hold_token(self, room_name: str, job_id: str) -> str:
        """A token for the hidden participant that keeps a room open."""
        return (
            self._token()
            .with_identity(f"{OURS}hold-{job_id}")
            .with_grants(
                api.VideoGrants(
                    room_join=True, room=room_name, hidden=True, can_publish=False, can_subscribe=False
                )
            )
            .to_jwt()
        )

    def admin_token(self, room_name: str) -> str:
        """A token that the RPC methods of an agent in this room accept, for 30 seconds."""
        return self._token().with_grants(api.VideoGrants(room_admin=True, room=room_name)).to_jwt()

    def check_admin(self, token: object, room_name: str) -> None:
        """Let only holders of the LiveKit secret pass.

        Args:
            token: What the caller sent: a JWT with the grant ``roomAdmin`` for this room.
            room_name: The room asked about.

        Raises:
            NotAllowedError: No token, a wrong or expired one, or one for something else.
        """
        if not isinstance(token, str) or not token:
            raise NotAllowedError('the payload must be {"token": "…"} with roomAdmin for this room')
        # Ten seconds for clocks that differ; the library's default of a minute would triple the token's life.
        verifier = api.TokenVerifier(self._api_key, self._api_secret, leeway=datetime.timedelta(seconds=10))
        try:
            claims = verifier.verify(token)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise NotAllowedError(f"the token is not valid: {type(error).__name__}") from error
        video = claims.video
        if video is None or not video.room_admin or video.room != room_name:
            raise NotAllowedError("the token does not give roomAdmin for this room")

    def _livekit(self) -> api.LiveKitAPI:
        if self._http is None:
            self._http = self._make_http()
        return api.LiveKitAPI(self._url, self._api_key, self._api_secret, session=self._http)

    def _token(self) -> api.AccessToken:
        return api.AccessToken(self._api_key, self._api_secret).with_ttl(TOKEN_TTL)


async def is_dispatch_deleted(login: LiveKitLogin, *, room_name: str, dispatch_id: str) -> bool:
    """Whether a job's dispatch is gone, with its room or by itself; False when LiveKit cannot be asked."""
    async with api.LiveKitAPI(login.url, login.api_key, login.api_secret.get_secret_value()) as livekit:
        return await _is_dispatch_deleted(livekit, room_name=room_name, dispatch_id=dispatch_id)


async def refusal(login: LiveKitLogin) -> str | None:
    """Why LiveKit will never take these settings, in one line; None when it does.

    Raises:
        ConnectionError: Nobody answers, or not now. It may come: try again later.
    """
    url = login.url
    async with api.LiveKitAPI(url, login.api_key, login.api_secret.get_secret_value()) as livekit:
        try:
            await _bounded(livekit.room.list_rooms(api.ListRoomsRequest(names=["-"])), limit=5.0)
        except api.TwirpError as error:
            if error.status in {401, 403}:
                return (
                    f"LIVEKIT_API_KEY and LIVEKIT_API_SECRET are refused by {url} (HTTP {error.status}); "
                    "take the pair from its configuration, and check this machine's clock"
                )
            if error.status < 500 and error.status not in _PASSING:
                return f"LIVEKIT_URL={url} answers, but not as LiveKit does (HTTP {error.status})"
            raise ConnectionError(f"HTTP {error.status}") from error
        except aiohttp.ContentTypeError as error:
            if error.status >= 500:
                raise ConnectionError(f"HTTP {error.status}") from error
            return f"LIVEKIT_URL={url} answers, but not as LiveKit does (HTTP {error.status})"
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from error
    return None


async def _is_dispatch_deleted(livekit: api.LiveKitAPI, *, room_name: str, dispatch_id: str) -> bool:
    try:
        # Of a room that is gone, the list of dispatches is waited for in vain.
        rooms = await _bounded(livekit.room.list_rooms(api.ListRoomsRequest(names=[room_name])))
        if not rooms.rooms:
            return True
        dispatches = await _bounded(livekit.agent_dispatch.list_dispatch(room_name))
    except api.TwirpError as error:
        if error.code == api.TwirpErrorCode.NOT_FOUND:
            return True
        _say_failed("list_dispatch", error)
    except _FAILURES as error:
        _say_failed("list_dispatch", error)
    else:
        return all(one.id != dispatch_id for one in dispatches)
    return False


async def _bounded(call: Awaitable[_T], *, limit: float = CALL_TIMEOUT) -> _T:
    async with asyncio.timeout(limit):
        return await call


def _say_failed(what: str, error: Exception) -> None:
    logger.warning(
        "LiveKit's server API failed",
        extra={
            "action": "livekit_api.failed",
            "call": what,
            "error": type(error).__name__,
            "detail": str(error),
        },
    )
