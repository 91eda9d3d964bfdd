"""Whom the RPC methods of an agent obey."""

import datetime

import aiohttp
import pytest
from aiohttp import web
from livekit import api
from pydantic import SecretStr

from config import LiveKitLogin
from session.rpc import payload
from session.server_api import NotAllowedError, ServerApi

SECRET = "a-secret-of-thirty-two-characters"
LOGIN = LiveKitLogin(url="ws://nowhere", api_key="key", api_secret=SecretStr(SECRET))


def never() -> aiohttp.ClientSession:
    raise AssertionError("tokens are checked without asking anyone")


SERVER = ServerApi(LOGIN, http=never)


def token(
    *, room: str = "agent-1-room", admin: bool = True, secret: str = SECRET, key: str = "key", ttl: float = 30
) -> str:
    grants = api.VideoGrants(room=room, room_admin=admin)
    return api.AccessToken(key, secret).with_ttl(datetime.timedelta(seconds=ttl)).with_grants(grants).to_jwt()


def test_who_holds_the_secret_is_obeyed() -> None:
    SERVER.check_admin(token(), "agent-1-room")
    SERVER.check_admin(SERVER.admin_token("agent-1-room"), "agent-1-room")


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(None, id="nothing"),
        pytest.param("", id="empty"),
        pytest.param(7, id="a number"),
        pytest.param("a.b.c", id="rubbish"),
        pytest.param(token(room="agent-2-room"), id="another room"),
        pytest.param(token(admin=False), id="a mere participant"),
        pytest.param(token(secret="another-secret-of-enough-characters"), id="another secret"),
        pytest.param(token(key="other"), id="another key"),
        pytest.param(token(ttl=-11), id="expired"),
    ],
)
def test_nobody_else_is(bad: object) -> None:
    with pytest.raises(NotAllowedError) as error:
        SERVER.check_admin(bad, "agent-1-room")
    assert str(bad) not in str(error.value) or bad in (None, "", 7)


def test_the_token_of_a_hold_is_hidden_and_ours() -> None:
    claims = api.TokenVerifier("key", SECRET).verify(SERVER.hold_token("agent-1-room", "AJ_1"))
    assert claims.identity == "ai-hold-AJ_1"
    assert claims.video is not None
    assert (claims.video.hidden, claims.video.room) == (True, "agent-1-room")
    assert not claims.video.room_admin


async def test_connections_are_opened_at_the_first_request_and_closed_for_good() -> None:
    opened: list[aiohttp.ClientSession] = []

    def open_http() -> aiohttp.ClientSession:
        opened.append(aiohttp.ClientSession())
        return opened[-1]

    login = LiveKitLogin(url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr(SECRET))
    server = ServerApi(login, http=open_http)
    await server.aclose()
    assert opened == []
    assert await server.humans("agent-1-room") is None
    assert await server.humans("agent-1-room") is None
    assert [http.closed for http in opened] == [False]
    await server.aclose()
    await server.aclose()
    assert [http.closed for http in opened] == [True]


@pytest.mark.parametrize(
    ("others", "needs"),
    [
        ([], True),
        ([("ai-1-AJ_1", {})], False),
        ([("ai-1-AJ_1-avatar", {"lk.publish_on_behalf": "ai-1-AJ_1"})], True),
    ],
    ids=["a human alone", "an agent", "the avatar of one that died"],
)
async def test_a_human_needs_an_agent_where_nobody_or_only_an_avatar_is(
    others: list[tuple[str, dict[str, str]]], needs: bool
) -> None:
    kinds = api.ParticipantInfo.Kind
    there = [api.ParticipantInfo(identity="ann", kind=kinds.STANDARD)]
    there += [
        api.ParticipantInfo(identity=identity, kind=kinds.AGENT, attributes=attributes)
        for identity, attributes in others
    ]

    async def answer(_: web.Request) -> web.Response:
        body = api.ListParticipantsResponse(participants=there).SerializeToString()
        return web.Response(body=body, content_type="application/protobuf")

    app = web.Application()
    app.router.add_post("/twirp/livekit.RoomService/ListParticipants", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    login = LiveKitLogin(url=url, api_key="key", api_secret=SecretStr(SECRET))
    server = ServerApi(login, http=aiohttp.ClientSession)
    assert await server.needs_agent("agent-1-room") is needs
    await server.aclose()
    await runner.cleanup()


def test_a_payload_carries_such_a_token() -> None:
    assert payload(SERVER, "agent-1-room").startswith('{"token": "')
