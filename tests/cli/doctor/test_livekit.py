"""LiveKit's server API, as doctor uses it."""

from __future__ import annotations

import httpx
import jwt
import pytest

from cli.doctor.livekit import DISPATCHED_TO, Entry, LiveKit, Refusal
from cli.doctor.tokens import http_url, signed_token, socket_url
from config import LiveKitLogin
from tests.cli.doctor.fakes import KEY, NOW, SECRET, FakeLiveKit, FakeNetwork, a_login, a_world


async def enter(livekit: FakeLiveKit, login: LiveKitLogin | None = None) -> Entry:
    world = a_world(FakeNetwork(livekit=livekit))
    async with world.http("http://livekit.test") as http:
        return await LiveKit(http, login or a_login(), world).enter()


@pytest.mark.parametrize(
    ("login", "refusal"),
    [
        (a_login(), None),
        (a_login(key="APIother"), Refusal.UNKNOWN_KEY),
        (a_login(secret="another"), Refusal.WRONG_SECRET),
        (a_login(key=SECRET, secret=KEY), Refusal.UNKNOWN_KEY),
    ],
    ids=["right", "another key", "another secret", "swapped"],
)
async def test_keys_are_taken_or_refused(login: LiveKitLogin, refusal: Refusal | None) -> None:
    entry = await enter(FakeLiveKit(), login)
    assert (entry.is_livekit, entry.refusal) == (True, refusal)


@pytest.mark.parametrize("ahead", [0.0, 45.0, -45.0, 600.0])
async def test_the_clock_is_compared_by_the_date_of_the_answer(ahead: float) -> None:
    entry = await enter(FakeLiveKit(ahead=ahead))
    assert entry.skew == pytest.approx(ahead, abs=1)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["rooms"]),
        httpx.Response(200, json={"hello": "world"}),
        httpx.Response(404, text="404 page not found"),
        httpx.Response(502, text="bad gateway", headers={"date": "yesterday"}),
    ],
    ids=["html", "a list", "another object", "not found", "a proxy"],
)
async def test_what_is_no_livekit_is_told_so(answer: httpx.Response) -> None:
    entry = await enter(FakeLiveKit(failure=answer))
    assert (entry.is_livekit, entry.status, entry.skew) == (False, answer.status_code, None)


@pytest.mark.parametrize("knows", [True, False])
async def test_whether_agents_can_be_asked(*, knows: bool) -> None:
    livekit = FakeLiveKit(knows_rpc=knows)
    world = a_world(FakeNetwork(livekit=livekit))
    async with world.http("http://livekit.test") as http:
        assert await LiveKit(http, a_login(), world).rpc_is_known() is knows
    assert livekit.calls[-1][1].keys() == {"room"}  # no agent is named, so none is called


async def test_the_departure_timeout_is_that_of_a_room_which_goes_at_once_and_gets_no_agent() -> None:
    livekit = FakeLiveKit(departure_timeout=20)
    world = a_world(FakeNetwork(livekit=livekit))
    async with world.http("http://livekit.test") as http:
        assert await LiveKit(http, a_login(), world).departure_timeout("roomkeeper-doctor-x") == 20
    made, deleted = livekit.calls
    assert made[1]["agents"] == [{"agentName": DISPATCHED_TO}]
    assert deleted == ("DeleteRoom", {"room": "roomkeeper-doctor-x"})
    assert livekit.rooms == {}


@pytest.mark.filterwarnings("error")
def test_a_short_secret_is_no_reason_to_warn() -> None:
    token = signed_token(a_login(key="devkey", secret="secret"), {"roomList": True}, now=NOW)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iss"], claims["video"], claims["exp"] - claims["nbf"]) == (
        "devkey",
        {"roomList": True},
        65,
    )


@pytest.mark.parametrize(
    ("url", "http", "socket"),
    [
        ("ws://a.test:7880", "http://a.test:7880", "ws://a.test:7880"),
        ("wss://a.test", "https://a.test", "wss://a.test"),
        ("http://a.test", "http://a.test", "ws://a.test"),
        ("https://a.test", "https://a.test", "wss://a.test"),
    ],
)
def test_one_url_for_both_protocols(url: str, http: str, socket: str) -> None:
    assert (http_url(url), socket_url(url)) == (http, socket)
