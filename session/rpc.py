"""What a call answers over LiveKit itself, with no port open: its status, and the request to leave."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from livekit import rtc

from lifecycle import CloseReason
from session.server_api import NotAllowedError, ServerApi
from wire import LEAVE_METHOD, STATUS_METHOD

logger = logging.getLogger(__name__)

_NOT_ALLOWED = 2403
"""Reads like HTTP's 403. RpcError codes from 1001 to 1999 are LiveKit's own (livekit 1.1.21, `rtc/rpc.py`)."""

_REASONS = {"duplicate": CloseReason.DUPLICATE, "alone": CloseReason.HUMANS_LEFT}
"""What the room keeper may give as a reason. Anything else is an operator's wish."""


def register(
    participant: rtc.LocalParticipant,
    *,
    room_name: str,
    server_api: ServerApi,
    status: Callable[[], Mapping[str, object]],
    leave: Callable[[CloseReason], None],
) -> None:
    """Answer `roomkeeper.status` and `roomkeeper.leave` for those who hold the LiveKit secret.

    The payload of both is ``{"token": "<JWT with roomAdmin for this room>"}``: any participant can call
    an agent's methods, so being in the room is no right to do so. `roomkeeper.leave` may carry
    ``"reason": "duplicate"``, or ``"alone"`` for an agent that is past its grace period and has not left; anything
    else is an operator's wish.

    Args:
        participant: The agent in its room, connected.
        room_name: The room that tokens must be for.
        server_api: Knows the secret.
        status: JSON-able answer of `roomkeeper.status`, at once.
        leave: Begin to leave; the answer of `roomkeeper.leave` does not wait for the end.
    """

    async def on_status(data: rtc.RpcInvocationData) -> str:
        _check(data, room_name=room_name, server_api=server_api)
        return json.dumps(status())

    async def on_leave(data: rtc.RpcInvocationData) -> str:
        _check(data, room_name=room_name, server_api=server_api)
        reason = _parsed(data.payload).get("reason")
        leave(_REASONS.get(reason, CloseReason.OPERATOR) if isinstance(reason, str) else CloseReason.OPERATOR)
        return json.dumps({"leaving": True})

    participant.register_rpc_method(STATUS_METHOD, on_status)
    participant.register_rpc_method(LEAVE_METHOD, on_leave)


def payload(server_api: ServerApi, room_name: str) -> str:
    """What these methods want to be called with; good for 30 seconds."""
    return json.dumps({"token": server_api.admin_token(room_name)})


def _check(data: rtc.RpcInvocationData, *, room_name: str, server_api: ServerApi) -> None:
    try:
        server_api.check_admin(_parsed(data.payload).get("token"), room_name)
    except NotAllowedError as error:
        logger.warning("an RPC was refused", extra={"action": "rpc.refused", "reason": str(error)})
        raise rtc.RpcError(code=_NOT_ALLOWED, message=str(error)) from error


def _parsed(text: str) -> dict[str, Any]:
    """The payload; empty for what is no JSON object."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
