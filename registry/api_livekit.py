"""What comes from LiveKit itself, and from people on their way to it: webhooks and tokens."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.api_answers import json_response
from registry.api_requests import read_struct
from registry.beats import read_body
from registry.guard import WEBHOOK_PATH
from registry.guests import look_at, not_keeping, remember
from registry.metrics import WEBHOOKS
from registry.openapi import answers, takes
from registry.room_answers import Nothing, TokenBody, TokenGiven
from registry.room_keeper import RoomKeeper
from rooms.tokens import TOKEN_LIFE, Tokens
from rooms.webhooks import MAX_WEBHOOK_BYTES, ForgedWebhookError, Webhooks


def add_livekit(
    router: APIRouter, *, keeper: RoomKeeper, tokens: Tokens | None, webhooks: Webhooks | None
) -> None:
    """Add `/livekit/webhook` and `/livekit/token`.

    Args:
        tokens: None = there are no keys, or no rooms are kept.
        webhooks: Likewise.
    """

    @router.post(
        WEBHOOK_PATH.removeprefix(router.prefix),
        tags=["rooms"],
        responses=answers(Nothing, 400, 401, 409, 413),
    )
    async def take_webhook(request: Request) -> Response:
        """For livekit-server (`webhook.urls`). Signed by LiveKit; needs no token of this registry."""
        if webhooks is None:
            raise not_keeping(keeper)
        body = await read_body(request.receive, limit=MAX_WEBHOOK_BYTES)
        try:
            hint = webhooks.take(body, request.headers.get("authorization", ""))
        except ForgedWebhookError:
            keeper.webhook_seen(forged=True)
            WEBHOOKS.labels("forged").inc()
            raise
        keeper.webhook_seen(forged=False)
        WEBHOOKS.labels("taken").inc()
        if hint is not None:
            keeper.wake(hint.room)
        return json_response(Nothing())

    @router.post(
        "/livekit/token",
        tags=["rooms"],
        responses=answers(TokenGiven, 409, 413, 502),
        openapi_extra=takes(TokenBody),
    )
    async def give_token(request: Request) -> Response:
        """A token for a room, which is made if it is not there and an agent belongs in it.

        Whoever may ask here may come into any room. So this is for a backend that holds the registry's token and lets
        its own users in, or for loopback, where no token is asked for.

        An identity that is in the room already is given again: that is how a page is reloaded. LiveKit lets the newer
        one in and the older one out.
        """
        body = await read_struct(request, TokenBody)
        asked = look_at(request, body)
        if tokens is None:
            raise not_keeping(keeper)
        # Now, because the room's timeouts are those of whoever comes first, perhaps with another program's token.
        if asked.agent_id is not None:
            await keeper.create_room(asked.room, agent_id=asked.agent_id, metadata="", dispatch=False)
        given = TokenGiven(
            url=tokens.url,
            token=tokens.token(asked.guest, room=asked.room),
            room=asked.room,
            identity=asked.guest.identity,
            expires_in=round(TOKEN_LIFE),
        )
        return remember(json_response(given), request, asked)
