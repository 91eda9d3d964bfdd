"""What a call answers over LiveKit."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aiohttp
import pytest
from livekit import rtc
from pydantic import SecretStr

from config import LiveKitLogin
from lifecycle import CloseReason
from session import rpc
from session.server_api import ServerApi

ROOM = "agent-1-room"

LIVEKITS_CODES = range(1001, 2000)
"""As `rtc.RpcError` says. What comes with one of them may not come from the agent."""


def never() -> aiohttp.ClientSession:
    raise AssertionError("nobody is asked")


SERVER = ServerApi(
    LiveKitLogin(
        url="ws://nowhere", api_key="key", api_secret=SecretStr("a-secret-of-thirty-two-characters")
    ),
    http=never,
)


class FakeParticipant:
    def __init__(self) -> None:
        self.methods: dict[str, Callable[[rtc.RpcInvocationData], Awaitable[str]]] = {}

    def register_rpc_method(self, name: str, method: Callable[[Any], Awaitable[str]]) -> None:
        self.methods[name] = method

    async def call(self, name: str, payload: str) -> Any:
        data = rtc.RpcInvocationData(
            request_id="1", caller_identity="x", payload=payload, response_timeout=1.0
        )
        return json.loads(await self.methods[name](data))


def registered() -> tuple[FakeParticipant, list[CloseReason]]:
    participant, left = FakeParticipant(), list[CloseReason]()
    rpc.register(
        cast(rtc.LocalParticipant, participant),
        room_name=ROOM,
        server_api=SERVER,
        status=lambda: {"phase": "active"},
        leave=left.append,
    )
    return participant, left


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, CloseReason.OPERATOR),
        ({"reason": "operator"}, CloseReason.OPERATOR),
        ({"reason": "duplicate"}, CloseReason.DUPLICATE),
        ({"reason": "alone"}, CloseReason.HUMANS_LEFT),
        ({"reason": "failed"}, CloseReason.OPERATOR),
        ({"reason": ["duplicate"]}, CloseReason.OPERATOR),
        ({"reason": None}, CloseReason.OPERATOR),
    ],
)
async def test_an_agent_leaves_for_the_reason_it_is_given(
    more: dict[str, object], reason: CloseReason
) -> None:
    participant, left = registered()
    payload = json.dumps({**json.loads(rpc.payload(SERVER, ROOM)), **more})
    assert await participant.call("roomkeeper.leave", payload) == {"leaving": True}
    assert left == [reason]


async def test_status_is_answered() -> None:
    participant, _ = registered()
    assert await participant.call("roomkeeper.status", rpc.payload(SERVER, ROOM)) == {"phase": "active"}


@pytest.mark.parametrize("payload", ["", "[]", "7", "{", '{"reason": "duplicate"}', "[" * 100_000])
async def test_nobody_is_obeyed_without_a_token(payload: str) -> None:
    participant, left = registered()
    for method in ("roomkeeper.leave", "roomkeeper.status"):
        with pytest.raises(rtc.RpcError) as refused:
            await participant.call(method, payload)
        assert refused.value.code not in LIVEKITS_CODES
    assert left == []
