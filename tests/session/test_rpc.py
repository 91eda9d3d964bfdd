"""What a call answers over LiveKit."""

from __future__ import annotations

import asyncio
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

    async def call(self, name: str, payload: str, *, caller: str = "x") -> Any:
        data = rtc.RpcInvocationData(
            request_id="1", caller_identity=caller, payload=payload, response_timeout=1.0
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


class Refused:
    """An agent that is called without a token, and what its log says of it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._participant, _ = registered()
        self._caplog = caplog

    async def call(self, caller: str = "x", *, times: int = 1) -> None:
        for number in range(times):
            method = ("roomkeeper.leave", "roomkeeper.status")[number % 2]
            with pytest.raises(rtc.RpcError):
                await self._participant.call(method, "{}", caller=caller)

    @property
    def lines(self) -> list[int]:
        """How many refusals each line tells."""
        return [record.__dict__["refused"] for record in self._caplog.records]


@pytest.mark.looptime
async def test_whoever_floods_has_one_line_and_then_one_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    refused = Refused(caplog)
    await refused.call(times=1_000)
    assert refused.lines == [1]
    await asyncio.sleep(rpc.REFUSALS_INTERVAL - 0.1)
    await refused.call()
    assert refused.lines == [1]
    await asyncio.sleep(0.1)
    await refused.call(times=500)
    assert refused.lines == [1, 1_001]
    await asyncio.sleep(rpc.REFUSALS_INTERVAL)
    await refused.call()
    assert refused.lines == [1, 1_001, 500]
    assert all(record.__dict__["action"] == "rpc.refused" for record in caplog.records)


@pytest.mark.looptime
async def test_each_caller_has_a_first_line_and_who_they_are_is_not_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = Refused(caplog)
    for caller in ("anna-mueller", "bert", "anna-mueller", "bert"):
        await refused.call(caller)
    assert refused.lines == [1, 1]
    assert "anna" not in str([record.__dict__ for record in caplog.records])


@pytest.mark.looptime
async def test_who_floods_under_ever_new_names_fills_neither_the_log_nor_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = Refused(caplog)
    for number in range(1_000):
        await refused.call(f"x{number}")
    assert refused.lines == [1] * rpc.MOST_CALLERS
    await asyncio.sleep(rpc.REFUSALS_INTERVAL)
    for number in range(1_000):
        await refused.call(f"y{number}")
    assert refused.lines == [*[1] * rpc.MOST_CALLERS, 1_001 - rpc.MOST_CALLERS]
