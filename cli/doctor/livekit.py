"""LiveKit's server API as doctor uses it: Twirp over HTTP with JSON (livekit/protocol, `livekit_room.proto`)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from cli.doctor.tokens import signed_token
from cli.doctor.world import World
from config import LiveKitLogin

DISPATCHED_TO = "roomkeeper-doctor"
"""Name of an agent that nobody is: a room that is made for it gets no agent."""

_EMPTY_TIMEOUT = 10
"""Seconds after which LiveKit itself deletes the room that doctor makes, should doctor not."""


class Refusal(enum.Enum):
    """Why LiveKit does not let us in."""

    UNKNOWN_KEY = "unknown_key"  # it has no such API key
    WRONG_SECRET = "wrong_secret"  # the signature is not by the key's secret  # noqa: S105
    CLOCK = "clock"  # the token is not valid yet, or no more, by its clock
    OTHER = "other"  # it does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What LiveKit made of URL and keys."""

    status: int
    """Of HTTP."""

    is_livekit: bool
    """What answers speaks LiveKit's protocol."""

    refusal: Refusal | None
    skew: float | None
    """Seconds that its clock is ahead of ours; None = it does not tell its time."""


class LiveKit:
    """One LiveKit project. Errors are httpx's.

    Args:
        http: For its URL, with the scheme http or https.
        login: Signs the tokens.
    """

    def __init__(self, http: httpx.AsyncClient, login: LiveKitLogin, world: World) -> None:
        self._http = http
        self._login = login
        self._world = world

    async def enter(self) -> Entry:
        """Ask for a room that is not there: whether LiveKit answers, and takes the keys."""
        asked_at = self._world.now()
        answer = await self._call("ListRooms", {"names": ["roomkeeper-doctor"]}, {"roomList": True})
        answered_at = self._world.now()
        told_at = _date_of(answer)
        # The header counts whole seconds: half of one is added on average.
        ours = asked_at + (answered_at - asked_at) / 2
        skew = None if told_at is None else (told_at - ours).total_seconds() + 0.5
        return Entry(
            status=answer.status_code,
            is_livekit=answer.status_code in (401, 403) or (answer.is_success and "rooms" in _object(answer)),
            refusal=refusal_in(answer.text) if answer.status_code in (401, 403) else None,
            skew=skew,
        )

    async def rpc_is_known(self) -> bool:
        """Whether this server can call methods of agents (`RoomService/PerformRpc`). Calls none."""
        room = "roomkeeper-doctor"
        answer = await self._call("PerformRpc", {"room": room}, {"roomAdmin": True, "room": room})
        return not (answer.status_code == 404 and _object(answer).get("code") == "bad_route")

    async def departure_timeout(self, room: str) -> float | None:
        """Seconds that a new room stays open without humans; None = LiveKit does not say.

        Makes a room, to which no agent is dispatched, and deletes it at once.
        """
        body = {"name": room, "emptyTimeout": _EMPTY_TIMEOUT, "agents": [{"agentName": DISPATCHED_TO}]}
        grants = {"roomCreate": True}
        made = await self._call("CreateRoom", body, grants)
        await self._call("DeleteRoom", {"room": room}, grants)
        answer = _object(made)
        seconds = answer.get("departure_timeout", answer.get("departureTimeout"))
        return float(seconds) if isinstance(seconds, int | float) else None

    async def _call(
        self, method: str, body: Mapping[str, object], grants: Mapping[str, object]
    ) -> httpx.Response:
        token = signed_token(self._login, grants, now=self._world.now())
        return await self._http.post(
            f"/twirp/livekit.RoomService/{method}", json=body, headers={"Authorization": f"Bearer {token}"}
        )


def refusal_in(text: str) -> Refusal:
    """Why a token was refused, in livekit-server 1.13.5's words, which repeat the token: never show them."""
    if text.startswith("invalid API key"):
        return Refusal.UNKNOWN_KEY
    if "signature is invalid" in text:
        return Refusal.WRONG_SECRET
    if "token is expired" in text or "token is not valid yet" in text:
        return Refusal.CLOCK
    return Refusal.OTHER


def _date_of(answer: httpx.Response) -> datetime | None:
    """The header `Date`, to the second (RFC 9110, 6.6.1); None when there is none, or it is no date."""
    try:
        at = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
