"""Webhooks and tokens over HTTP, with a keeper that only remembers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from livekit import api

from registry.guests import COOKIE
from registry.store import Store
from rooms.views import HumanView
from tests.registry.room_parts import NOW, SECRET, FakeKeeper, a_room, claims_of, code, message, room_api


@pytest.fixture
async def client(store: Store, keeper: FakeKeeper) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(store.migrate)
    async with room_api(store, keeper=keeper) as client:
        yield client


# -- webhooks


def a_webhook(event: str = "participant_joined", *, event_id: str = "EV_1", pad: int = 0) -> bytes:
    told = {
        "event": event,
        "id": event_id,
        "createdAt": str(int(NOW.timestamp())),
        "room": {"name": "agent-7-room", "metadata": "x" * pad},
    }
    return json.dumps(told).encode()


def signature(body: bytes, *, secret: str = SECRET) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return {"authorization": api.AccessToken("key", secret).with_sha256(digest).to_jwt()}


async def hook(client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/api/livekit/webhook", content=body, headers=headers)


async def test_a_webhook_wakes_the_keeper_once(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    body = a_webhook()
    for _ in range(2):
        taken = await hook(client, body, signature(body))
        assert (taken.status_code, taken.json()) == (200, {})
    unknown = a_webhook("moon_landed", event_id="EV_2")
    assert (await hook(client, unknown, signature(unknown))).status_code == 200
    assert keeper.woken == ["agent-7-room"]
    assert keeper.webhooks == [False, False, False]


async def test_a_forged_webhook_is_counted_and_does_nothing(
    client: httpx.AsyncClient, keeper: FakeKeeper
) -> None:
    body = a_webhook()
    for headers in ({}, signature(body, secret="another-secret-of-32-characters!!"), signature(b"{}")):
        assert code(await hook(client, body, headers)) == (401, "forged")
    assert (keeper.woken, keeper.webhooks) == ([], [True, True, True])


async def test_a_large_webhook_is_not_read(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    fits = a_webhook(pad=250_000)
    assert (await hook(client, fits, signature(fits))).status_code == 200
    large = a_webhook(event_id="EV_2", pad=270_000)
    assert code(await hook(client, large, signature(large))) == (413, "too_large")
    assert keeper.woken == ["agent-7-room"]


# -- tokens


async def token(client: httpx.AsyncClient, **body: str) -> httpx.Response:
    return await client.post("/api/livekit/token", json=body)


async def test_a_token_is_given_for_a_room_that_is_made(
    client: httpx.AsyncClient, keeper: FakeKeeper
) -> None:
    given = await token(client, agentId="7", identity="ann", name="Ann")
    assert given.status_code == 200
    answer = given.json()
    assert (answer["url"], answer["room"], answer["identity"], answer["expiresIn"]) == (
        "ws://livekit.example:7880", "agent-7-room", "ann", 3_600,
    )  # fmt: skip
    claims = claims_of(answer["token"])
    assert claims.video is not None
    assert (claims.identity, claims.name, claims.video.room) == ("ann", "Ann", "agent-7-room")
    assert keeper.created == [("agent-7-room", "7", False)]
    assert "set-cookie" not in given.headers


async def test_a_room_in_which_no_agent_belongs_is_left_to_livekit(
    client: httpx.AsyncClient, keeper: FakeKeeper
) -> None:
    given = await token(client, room="a/ü", identity="ann")
    assert (given.status_code, given.json()["room"]) == (200, "a/ü")
    assert keeper.created == []


async def test_a_browser_is_the_same_human_each_time(client: httpx.AsyncClient) -> None:
    first = await token(client, agentId="7")
    set_cookie = first.headers["set-cookie"].lower()
    assert set_cookie.startswith(f"{COOKIE}=")
    for part in ("httponly", "samesite=lax", "max-age=31536000", "path=/"):
        assert part in set_cookie
    assert "secure" not in set_cookie
    again = await token(client, agentId="8")
    assert again.json()["identity"] == first.json()["identity"]
    coach = await token(client, agentId="7", role="coach")
    assert coach.json()["identity"].startswith("coach-")
    client.cookies.clear()
    assert (await token(client, agentId="7")).json()["identity"] != first.json()["identity"]


async def test_a_cookie_that_we_did_not_make_counts_for_nothing(client: httpx.AsyncClient) -> None:
    for value in ("ai-7", "", "x" * 3_000, "0" * 23, "../"):
        client.cookies.clear()
        given = await client.post(
            "/api/livekit/token", json={"agentId": "7"}, headers={"cookie": f"{COOKIE}={value}"}
        )
        assert given.status_code == 200
        assert given.json()["identity"].startswith("guest-")
        assert "0" * 23 not in given.json()["identity"]


async def test_the_cookie_is_for_https_only_where_there_is_https(store: Store) -> None:
    await asyncio.to_thread(store.migrate)
    async with room_api(store) as client:
        given = await client.post("https://localhost:3026/api/livekit/token", json={"agentId": "7"})
        assert "secure" in given.headers["set-cookie"].lower()


@pytest.mark.parametrize("names_itself", [True, False])
async def test_a_browser_comes_back_into_a_room_in_which_it_still_is(
    client: httpx.AsyncClient, keeper: FakeKeeper, names_itself: bool
) -> None:
    identity = (await token(client, agentId="7")).json()["identity"]
    room = a_room("agent-7-room")
    keeper.kept = {
        "agent-7-room": msgspec.structs.replace(room, humans=(HumanView(identity=identity, role="client"),))
    }
    body = {"agentId": "7", "identity": identity} if names_itself else {"agentId": "7"}
    again = await token(client, **body)
    assert (again.status_code, again.json()["identity"]) == (200, identity)


BAD_TOKENS: list[tuple[dict[str, object], str]] = [
    ({}, "neither room nor agentId"),
    ({"agentId": "a b"}, "'a b'"),
    ({"agentId": 7}, "agentId"),
    ({"agentId": "../7"}, "'../7'"),
    ({"room": "x" * 300}, "room"),
    ({"room": "a\nb"}, "control character"),
    ({"room": ""}, "room"),
    ({"room": "agent-1-room", "agentId": "2"}, "'1'"),
    ({"agentId": "7", "identity": "ai-7"}, "'ai-7'"),
    ({"agentId": "7", "identity": "coach-ann"}, "'coach-ann'"),
    ({"agentId": "7", "identity": ""}, "identity"),
    ({"agentId": "7", "role": "admin"}, "'admin'"),
    ({"agentId": "7", "identty": "ann"}, "identty"),
]


@pytest.mark.parametrize(("body", "words"), BAD_TOKENS)
async def test_a_token_that_nobody_may_have_is_refused_in_words(
    client: httpx.AsyncClient, keeper: FakeKeeper, body: dict[str, object], words: str
) -> None:
    refused = await client.post("/api/livekit/token", json=body)
    assert code(refused) == (400, "bad_request")
    assert words in message(refused)
    assert keeper.created == []
