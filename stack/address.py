"""How to reach a LiveKit server, and tokens for it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from livekit import api

DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    url: str
    """Like ws://127.0.0.1:7880."""
    api_key: str
    api_secret: str = field(repr=False)

    @property
    def http_url(self) -> str:
        return self.url.replace("ws", "http", 1)

    @property
    def environment(self) -> dict[str, str]:
        """The three variables that workers and LiveKit's own tools read."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }

    def token(
        self,
        *,
        room: str,
        identity: str,
        name: str = "",
        attributes: Mapping[str, str] | None = None,
        can_publish: bool = True,
        is_hidden: bool = False,
        departure_timeout: int | None = None,
        empty_timeout: int | None = None,
        ttl: float = DAY / 4,
    ) -> str:
        """A token for one participant of one room.

        Args:
            departure_timeout: Seconds, of the room; counts only in the token that creates it. None = the
                server's.
            empty_timeout: Likewise.
            ttl: Seconds in which it can be used to join.
        """
        grants = api.VideoGrants(
            room_join=True, room=room, can_publish=can_publish, hidden=True if is_hidden else None
        )
        token = (
            api.AccessToken(self.api_key, self.api_secret)
            .with_identity(identity)
            .with_grants(grants)
            .with_ttl(datetime.timedelta(seconds=ttl))
        )
        if name:
            token = token.with_name(name)
        if attributes:
            token = token.with_attributes(dict(attributes))
        if departure_timeout is not None or empty_timeout is not None:
            token = token.with_room_config(
                api.RoomConfiguration(
                    departure_timeout=departure_timeout or 0, empty_timeout=empty_timeout or 0
                )
            )
        return token.to_jwt()
