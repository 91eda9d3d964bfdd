"""Who may come into a room, under which name, and the token that LiveKit asks them for."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from urllib.parse import urlsplit

from livekit import api

from config import LiveKitLogin
from rooms.belonging import agent_named_by
from rooms.errors import RoomsError
from rooms.livekit import DEPARTURE_TIMEOUT, EMPTY_TIMEOUT
from wire import CLIENT, COACH, OURS, AgentId, AgentIdError, parse_agent_id, role_of
from wire.texts import is_line

TOKEN_LIFE = 3_600.0
"""Seconds that a token can be joined with. Who is in the room by then stays there."""

LONGEST = 256
"""Bytes of a room's name, an identity or a name in UTF-8 (livekit-server 1.13.5, `LimitConfig`)."""

_SHOWN = 40  # characters of a bad value that an error repeats
_COACH = f"{COACH}-"
_SCHEMES = {"http": "ws", "https": "wss"}


class GuestError(RoomsError):
    """Somebody asks for a room or a name that nobody can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A human on the way into a room."""

    identity: str
    name: str
    role: str
    """`client` or `coach`."""


def room_for(room: str | None, agent_id: str | None) -> tuple[str, AgentId | None]:
    """The room that is meant, and the agent that belongs there; None = the name tells no agent, and nobody else does.

    Args:
        room: Its name; None = the agent's own room, ``agent-<id>-room``.
        agent_id: None = the agent in the room's name.

    Raises:
        GuestError: Both are missing, one of them is none, or they contradict each other.
    """
    try:
        wanted = None if agent_id is None else parse_agent_id(agent_id)
    except AgentIdError as error:
        raise GuestError(f"agentId: {error}") from error
    if room is None:
        if wanted is None:
            raise GuestError("neither room nor agentId is given; send one of them")
        return f"agent-{wanted}-room", wanted
    check_text("room", room)
    named = agent_named_by(room)
    if named is None:
        return room, wanted
    if wanted is not None and wanted != named:
        raise GuestError(
            f"room {room!r} belongs to agent {named!r}, not to {wanted!r}; leave one of them out"
        )
    return room, named


def guest_for(identity: str | None, *, name: str, role: str, unnamed: str) -> Guest:
    """Somebody who is to be let in.

    Args:
        identity: As asked for; None = made from `unnamed`. A coach's is told from others by its beginning, which is
            added where it is missing.
        name: Shown to others in the room; empty = none.
        role: `client` or `coach`.
        unnamed: What stands for a browser that gives no identity.

    Raises:
        GuestError: The identity or the name is none, or belongs to others.
    """
    if name:
        check_text("name", name)
    if identity is None:
        identity = f"{_COACH if role == COACH else 'guest-'}{unnamed}"
    if identity.startswith(OURS):
        raise GuestError(f"identity: {_shown(identity)} begins with {OURS!r}, as agents do; take another one")
    if role == COACH and role_of(identity) != COACH:
        identity = f"{_COACH}{identity}"
    if role == CLIENT and role_of(identity) == COACH:
        raise GuestError(
            f"identity: {_shown(identity)} begins with {_COACH!r}, as coaches do; take another one, or the role coach"
        )
    check_text("identity", identity)
    return Guest(identity=identity, name=name, role=role)


def check_text(what: str, text: str) -> None:
    """Check that LiveKit takes `text` as a name.

    Raises:
        GuestError: It is blank, too long, or holds a control character.
    """
    n_bytes = len(text.encode())
    if n_bytes > LONGEST:
        raise GuestError(
            f"{what}: {_shown(text)} is {n_bytes} bytes long in UTF-8; LiveKit takes {LONGEST} at most"
        )
    if not text.strip():
        raise GuestError(f"{what}: {text!r} is blank; write some letters")
    if not is_line(text):
        raise GuestError(f"{what}: {_shown(text)} holds a control character; leave it out")


def browser_url(livekit_url: str) -> str:
    """What a browser connects to: LiveKit's URL, by ws:// or wss://. Empty stays empty."""
    scheme, separator, rest = livekit_url.partition("://")
    return f"{_SCHEMES.get(urlsplit(livekit_url).scheme, scheme)}{separator}{rest}"


class Tokens:
    """Makes tokens for humans.

    Args:
        login: Of the LiveKit server.
        agent_name: Of the workers, where they have one.
    """

    def __init__(self, login: LiveKitLogin, *, agent_name: str = "") -> None:
        self._login = login
        self._agent_name = agent_name
        self.url = browser_url(login.public_url or login.url)
        """What a browser connects to, by ws:// or wss://."""

    def token(self, guest: Guest, *, room: str, job_metadata: str | None = None) -> str:
        """A token for one room.

        It brings the room's settings along, for the case that the room has ended before somebody comes with it.

        Args:
            job_metadata: Of the agent that is sent to a room made by this token; None = whoever comes by itself.
        """
        agents = (
            []
            if job_metadata is None
            else [api.RoomAgentDispatch(agent_name=self._agent_name, metadata=job_metadata)]
        )
        return (
            api.AccessToken(self._login.api_key, self._login.api_secret.get_secret_value())
            .with_identity(guest.identity)
            .with_name(guest.name)
            .with_ttl(datetime.timedelta(seconds=TOKEN_LIFE))
            .with_grants(
                api.VideoGrants(
                    room_join=True,
                    room=room,
                    can_publish=True,
                    can_subscribe=True,
                    can_update_own_metadata=False,
                )
            )
            .with_room_config(
                api.RoomConfiguration(
                    departure_timeout=DEPARTURE_TIMEOUT, empty_timeout=EMPTY_TIMEOUT, agents=agents
                )
            )
            .to_jwt()
        )


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}… ({len(text)} characters)"
