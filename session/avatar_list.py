"""Which avatars there are: one row for each LiveKit plugin that makes a face speak."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
from livekit.agents.utils import http_context
from pydantic import SecretStr

from config import read_key
from session.preloading import import_plugins


class FaceError(Exception):
    """There is no face. The message is a few words without secrets, as ``not installed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a face is to appear."""

    model: str | None
    """Which one, by the provider's name for it."""

    room_name: str
    livekit_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin's class `AvatarSession`, and the names of what it takes."""

    module: str
    package: str
    """To install beside Roomkeeper."""

    key: str
    """Variable of the environment with its provider's key."""

    key_as: str
    model_as: str
    needs_model: bool = False
    """Without one the plugin does something else than asking its provider for a face."""

    room_key: Callable[[SecretStr, Place], Awaitable[str]] | None = None
    """Exchanges the key for one that may be seen in the room. For plugins that show it there."""


BITHUMAN_KEYS = "https://api.bithuman.ai/v1/runtime-tokens/mint"

_KEY_TIMEOUT = aiohttp.ClientTimeout(total=5)


async def bithuman_room_key(key: SecretStr, place: Place, *, url: str = BITHUMAN_KEYS) -> str:
    """A key for one hour that starts this face in this room, and can do nothing else.

    livekit-plugins-bithuman writes the key that it is given into the attributes of the avatar's participant, where
    everybody in the room can read it (its ``_start_cloud``, and bitHuman's changes of 2026-09-23).

    Raises:
        FaceError: There is none to be had.
    """
    body = {
        "agent_code": place.model,
        "scope": "livekit-cloud",
        "room_name": place.room_name,
        "livekit_url": place.livekit_url,
    }
    headers = {"api-secret": key.get_secret_value()}
    async with http_context.http_session().post(
        url, json=body, headers=headers, timeout=_KEY_TIMEOUT
    ) as response:
        if not response.ok:
            raise FaceError("key refused" if response.status in {401, 403} else "refused")
        room_key = (await response.json()).get("scoped_token")
    if not isinstance(room_key, str) or not room_key or room_key == key.get_secret_value():
        raise FaceError("refused")
    return room_key


AVATARS: dict[str, Plugin] = {
    "bithuman": Plugin(
        module="livekit.plugins.bithuman",
        package="livekit-plugins-bithuman",
        key="BITHUMAN_API_SECRET",
        key_as="api_secret",
        model_as="avatar_id",
        needs_model=True,
        room_key=bithuman_room_key,
    ),
    "bey": Plugin(
        module="livekit.plugins.bey",
        package="livekit-plugins-bey",
        key="BEY_API_KEY",
        key_as="api_key",
        model_as="avatar_id",
    ),
    "tavus": Plugin(
        module="livekit.plugins.tavus",
        package="livekit-plugins-tavus",
        key="TAVUS_API_KEY",
        key_as="api_key",
        model_as="face_id",
    ),
}
"""By their names in profiles."""


def preload() -> None:
    """Import the plugins that this host has and has keys for: on the event loop of a call they would hold it up."""
    import_plugins(row.module for row in AVATARS.values() if read_key(row.key) is not None)
