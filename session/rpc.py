"""What a call answers over LiveKit itself, with no port open: its status, and the request to leave."""

from __future__ import annotations

import asyncio
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

REFUSALS_INTERVAL = 60.0
"""Seconds between two lines in the log about those who were refused before."""

MOST_CALLERS = 20
"""Callers whose first refusal has a line of its own. A room has a handful; whoever floods makes up identities."""

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

    refusals = _Refusals()

    def check(data: rtc.RpcInvocationData) -> None:
        try:
            server_api.check_admin(_parsed(data.payload).get("token"), room_name)
        except NotAllowedError as error:
            refusals.take(data.caller_identity, str(error), now=asyncio.get_running_loop().time())
            raise rtc.RpcError(code=_NOT_ALLOWED, message=str(error)) from error

    async def on_status(data: rtc.RpcInvocationData) -> str:
        check(data)
        return json.dumps(status())

    async def on_leave(data: rtc.RpcInvocationData) -> str:
        check(data)
        reason = _parsed(data.payload).get("reason")
        leave(_REASONS.get(reason, CloseReason.OPERATOR) if isinstance(reason, str) else CloseReason.OPERATOR)
        return json.dumps({"leaving": True})

    participant.register_rpc_method(STATUS_METHOD, on_status)
    participant.register_rpc_method(LEAVE_METHOD, on_leave)


def payload(server_api: ServerApi, room_name: str) -> str:
    """What these methods want to be called with; good for 30 seconds."""
    return json.dumps({"token": server_api.admin_token(room_name)})


class _Refusals:
    """Tells the log of those that are refused: each once, and what comes then once a minute, as a number.

    Any participant can call, as often as it likes, and under a new identity after each join.
    """

    def __init__(self) -> None:
        self._callers: set[str] = set()
        self._n_untold = 0
        self._told_at = float("-inf")

    def take(self, caller: str, reason: str, *, now: float) -> None:
        """A call was refused."""
        self._n_untold += 1
        is_new = caller not in self._callers and len(self._callers) < MOST_CALLERS
        if not is_new and now < self._told_at + REFUSALS_INTERVAL:
            return
        if is_new:
            self._callers.add(caller)
        logger.warning(
            "RPCs are refused",
            extra={"action": "rpc.refused", "reason": reason, "refused": self._n_untold},
        )
        self._n_untold, self._told_at = 0, now


def _parsed(text: str) -> dict[str, Any]:
    """The payload; empty for what is no JSON object."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
