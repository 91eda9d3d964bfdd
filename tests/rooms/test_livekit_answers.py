"""What the answers of a LiveKit server mean, by their bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from livekit import api
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.room import PerformRpcResponse
from pydantic import SecretStr

from config import LiveKitLogin
from rooms.livekit import LiveKit, LiveKitServer
from rooms.picture import Answer
from stack.ports import free_port
from wire import INCARNATION


@asynccontextmanager
async def answering(status: int, body: bytes, kind: str = "application/protobuf") -> AsyncIterator[LiveKit]:
    """A server that answers everything so."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    login = LiveKitLogin(url=f"ws://127.0.0.1:{port}", api_key="key", api_secret=SecretStr("s" * 36))
    livekit = LiveKitServer(login)
    try:
        yield livekit
    finally:
        await livekit.aclose()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        *[(code, Answer.SILENT) for code in (1401, 1501, 1502, 1503, 1505)],
        *[(code, Answer.UNKNOWN) for code in (1402, 1403, 1404)],
        *[(code, Answer.ANSWERED) for code in (1400, 1500, 1504, 1, 4711)],
    ],
    ids=str,
)
async def test_what_an_rpc_error_says_of_the_agent(code: int, meaning: Answer) -> None:
    error = {"code": "unavailable", "msg": f"RpcError {code}: x"}
    async with answering(503, json.dumps(error).encode(), "application/json") as livekit:
        assert await livekit.ask("r", "a") is meaning
        assert not await livekit.ask_to_leave("r", "a", reason="operator"), "it has not taken it"


@pytest.mark.parametrize(
    ("text", "meaning", "is_taken"),
    [
        pytest.param('{"phase": "active"}', Answer.ANSWERED, True, id="it lives"),
        pytest.param('{"phase": "closing"}', Answer.LEAVING, True, id="it leaves"),
        pytest.param("odd", Answer.ANSWERED, True, id="another program's text"),
        pytest.param("", Answer.ANSWERED, False, id="no text"),
    ],
)
async def test_what_an_agent_answers(text: str, meaning: Answer, is_taken: bool) -> None:
    async with answering(200, PerformRpcResponse(payload=text).SerializeToString()) as livekit:
        assert await livekit.ask("r", "a") is meaning
        assert await livekit.ask_to_leave("r", "a", reason="operator") is is_taken


async def test_who_is_in_a_room() -> None:
    kinds = ParticipantInfo.Kind
    everybody = [
        ParticipantInfo(identity="ann", kind=kinds.STANDARD),
        ParticipantInfo(identity="ai-1-a", kind=kinds.AGENT, attributes={INCARNATION: "a"}),
        ParticipantInfo(identity="avatar", kind=kinds.AGENT, attributes={"lk.publish_on_behalf": "ai-1-a"}),
        ParticipantInfo(identity="caller", kind=kinds.SIP),
        ParticipantInfo(identity="EG_1", kind=kinds.EGRESS),
        ParticipantInfo(identity="gone", state=ParticipantInfo.State.DISCONNECTED),
    ]
    body = api.ListParticipantsResponse(participants=everybody).SerializeToString()
    async with answering(200, body) as livekit:
        seen = {one.identity: (one.is_agent, one.human_role) for one in await livekit.participants("r") or ()}
    assert seen == {
        "ann": (False, "client"),
        "ai-1-a": (True, None),
        "avatar": (False, None),
        "caller": (False, "client"),
        "EG_1": (False, None),
    }


async def test_what_a_room_says_of_itself() -> None:
    room = Room(
        name="r", sid="RM_1", creation_time=7, departure_timeout=20, empty_timeout=60, metadata='{"a": 1}'
    )
    async with answering(200, api.ListRoomsResponse(rooms=[room]).SerializeToString()) as livekit:
        (listed,) = await livekit.rooms()
    assert (listed.created_at, listed.departure_timeout, listed.empty_timeout, listed.metadata) == (
        7.0,
        20.0,
        60.0,
        '{"a": 1}',
    )


async def test_a_server_that_hangs_says_nothing_about_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.livekit.ASK_TIMEOUT", 0.05)
    writers: list[asyncio.StreamWriter] = []
    hanging = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    port = hanging.sockets[0].getsockname()[1]
    login = LiveKitLogin(url=f"http://127.0.0.1:{port}", api_key="key", api_secret=SecretStr("s" * 36))
    livekit = LiveKitServer(login)
    try:
        async with asyncio.timeout(2):
            assert await livekit.ask("r", "a") is Answer.UNKNOWN
    finally:
        await livekit.aclose()
        hanging.close()
        for writer in writers:
            writer.close()
        await hanging.wait_closed()
