"""What LiveKit tells by webhooks: hints where to look, and never more than that."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from livekit import api

from config import LiveKitLogin
from rooms.errors import RoomsError

MAX_WEBHOOK_BYTES = 262_144

OLDEST = 300.0
"""Seconds. LiveKit drops what it could not deliver within 30 s; what is older than this is somebody's copy."""

YOUNGEST = -60.0
"""Seconds that LiveKit's clock may be ahead of this one's."""

REMEMBERED = 10_000
"""Ids of events that are known again. More than LiveKit sends within `OLDEST` for a thousand rooms."""

HEARD = frozenset(
    {
        "room_started",
        "room_finished",
        "participant_joined",
        "participant_left",
        "participant_connection_aborted",
    }
)
"""Events that change who is in which room."""


class ForgedWebhookError(RoomsError):
    """It is not LiveKit's, or not LiveKit's any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something has happened in a room."""

    room: str
    event: str


class Webhooks:
    """Reads webhooks that are LiveKit's own.

    Args:
        login: Whose secret they are signed with.
        now: Seconds since the epoch.
    """

    def __init__(self, login: LiveKitLogin, *, now: Callable[[], float]) -> None:
        verifier = api.TokenVerifier(login.api_key, login.api_secret.get_secret_value())
        self._receiver = api.WebhookReceiver(verifier)
        self._now = now
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, body: bytes, authorization: str) -> Hint | None:
        """Where to look after a webhook; None = nowhere: it came before, or says nothing of interest.

        Args:
            authorization: The header of that name: a JWT with nothing before it, whose claim `sha256` is the body's.

        Raises:
            ForgedWebhookError: The signature is missing or another one's, or the event is too old.
        """
        if not authorization:
            raise ForgedWebhookError("the webhook is not signed; LiveKit signs with LIVEKIT_API_SECRET")
        try:
            event = self._receiver.receive(body.decode(), authorization)
        except Exception as error:  # the library has no narrower one for a wrong body
            raise ForgedWebhookError(
                f"the webhook's signature is not LiveKit's ({type(error).__name__}); look whether its "
                "webhook.api_key is LIVEKIT_API_KEY"
            ) from error
        age = self._now() - event.created_at
        if not YOUNGEST <= age <= OLDEST:
            raise ForgedWebhookError(
                f"the webhook is {age:,.0f} s old; a copy, or the clocks of LiveKit and this machine differ"
            )
        if self._knows(event.id) or event.event not in HEARD or not event.room.name:
            return None
        return Hint(room=event.room.name, event=event.event)

    def _knows(self, event_id: str) -> bool:
        """Whether it came before. LiveKit sends again what was not answered in time."""
        if not event_id:
            return False
        is_known = event_id in self._seen
        self._seen[event_id] = None
        self._seen.move_to_end(event_id)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return is_known
