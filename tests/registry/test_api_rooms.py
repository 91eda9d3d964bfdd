"""Rooms over HTTP, with a keeper that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from registry.session_records import RoomEvent
from registry.store import Store
from rooms.errors import LiveKitError, NotKeepingError, RoomsError
from tests.registry.conftest import Connect, Start
from tests.registry.room_parts import NOW, FakeKeeper, a_room, an_agent, code, message, room_api

NAMES = ["agent-7-room", "a/b", "a/why", "why", "100%", "%2F", "ünï 👩🏽‍🚀", "?x=1#y", "a//b/"]


@pytest.fixture
async def client(store: Store, keeper: FakeKeeper) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(store.migrate)
    async with room_api(store, keeper=keeper) as client:
        yield client


def at(name: str, *more: str) -> str:
    return "/".join(["/api/livekit/rooms", quote(name, safe=""), *more])


# -- looking


async def test_rooms_are_listed_with_their_keeper(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    keeper.kept = {name: a_room(name, an_agent("ai-7")) for name in ("b", "a")}
    listed = await client.get("/api/livekit/rooms")
    assert listed.status_code == 200
    assert [room["name"] for room in listed.json()["rooms"]] == ["a", "b"]
    assert listed.json()["keeper"]["isOn"] is True
    assert listed.headers["date"] == "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize("name", NAMES)
async def test_a_room_of_any_name_is_found(client: httpx.AsyncClient, keeper: FakeKeeper, name: str) -> None:
    keeper.kept = {name: a_room(name)}
    shown = await client.get(at(name))
    assert (shown.status_code, shown.json()["name"]) == (200, name)
    assert (await client.get(at(name, "why"))).json()["room"] == name
    assert (await client.get(at(name, "events"))).json() == {"events": []}
    closed = await client.post(at(name, "close"), json={"reason": "noise"})
    assert (closed.status_code, closed.json()["room"]) == (202, name)


async def test_a_slash_need_not_be_quoted(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    keeper.kept = {"a/b": a_room("a/b")}
    assert (await client.get("/api/livekit/rooms/a/b")).json()["name"] == "a/b"


async def test_a_room_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert code(await client.get(at("gone"))) == (404, "unknown_room")
    assert (await client.get(at("gone", "why"))).json()["answer"] == "LiveKit has no such room."
    assert (await client.get(at("gone", "events"))).json() == {"events": []}


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "a\nb", " "], ids=["long", "NUL", "line end", "blank"])
async def test_what_no_room_is_called_is_refused(client: httpx.AsyncClient, name: str) -> None:
    for path in (at(name), at(name, "why"), at(name, "events")):
        assert code(await client.get(path)) == (400, "bad_request"), path
    assert code(await client.post(at(name, "close"), json={"reason": "x"})) == (400, "bad_request")


async def test_a_rooms_history_is_read_page_by_page(client: httpx.AsyncClient, store: Store) -> None:
    events = [
        RoomEvent(at=NOW, room=room, sid="RM_1", kind="phase", text=text, by="keeper", evidence={"n": 1})
        for room, text in (("a", "first"), ("a", "second"), ("b", "other"), ("a", "third"))
    ]
    await asyncio.to_thread(store.rooms.add_events, events)
    page = (await client.get(at("a", "events"), params={"limit": 2})).json()["events"]
    assert [event["text"] for event in page] == ["third", "second"]
    assert (page[0]["evidence"], page[0]["by"], page[0]["at"]) == ({"n": 1}, "keeper", "2026-03-01T12:00:00Z")
    rest = await client.get(at("a", "events"), params={"before": page[-1]["id"]})
    assert [event["text"] for event in rest.json()["events"]] == ["first"]
    for wrong in ({"limit": 0}, {"limit": 501}, {"before": 0}, {"before": 2**60}, {"limit": "x"}):
        assert code(await client.get(at("a", "events"), params=wrong)) == (400, "bad_request"), wrong


async def test_agents_of_all_rooms_are_listed(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    keeper.kept = {"b": a_room("b", an_agent("ai-2")), "a": a_room("a", an_agent("ai-1"), an_agent("ai-3"))}
    agents = (await client.get("/api/livekit/agents")).json()["agents"]
    assert [(agent["room"], agent["identity"]) for agent in agents] == [
        ("a", "ai-1"), ("a", "ai-3"), ("b", "ai-2"),
    ]  # fmt: skip
    assert agents[0]["health"] == "alive"


async def test_statistics_are_counts_and_sessions_together(
    client: httpx.AsyncClient, keeper: FakeKeeper
) -> None:
    keeper.kept = {"a": a_room("a")}
    stats = (await client.get("/api/livekit/stats")).json()
    assert (stats["since"], stats["phases"], stats["grace"]["started"]) == (
        "2026-03-01T11:59:00Z", {"active": 1}, 3,
    )  # fmt: skip
    assert (stats["sessions"], stats["crashRate"], stats["minutesSaved"]) == (0, None, 0.0)


# -- acting


async def test_a_room_is_closed_with_a_reason(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    keeper.kept = {"a": a_room("a", an_agent("ai-1"))}
    asked = await client.post(at("a", "close"), json={"reason": " noise ", "by": "ann"})
    assert (asked.status_code, asked.json()) == (
        202, {"room": "a", "asked": ["ai-1"], "removed": [], "humansLeftThere": 1},
    )  # fmt: skip
    forced = await client.post(at("a", "close"), json={"reason": "noise", "force": True})
    assert forced.status_code == 202
    assert keeper.closed == [("a", "ann", "noise", False), ("a", "api", "noise", True)]


async def test_two_operators_close_a_room_at_once(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    keeper.kept = {"a": a_room("a", an_agent("ai-1"))}
    both = await asyncio.gather(
        *(client.post(at("a", "close"), json={"reason": "noise", "by": by}) for by in ("ann", "bob"))
    )
    assert [response.status_code for response in both] == [202, 202]
    assert {by for _, by, _, _ in keeper.closed} == {"ann", "bob"}


BAD_CLOSES = {
    "nothing": b"",
    "no reason": b"{}",
    "a blank reason": b'{"reason": " "}',
    "a text for force": b'{"reason": "x", "force": "yes"}',
    "a key that is none": b'{"reason": "x", "forced": true}',
    "a control character": b'{"reason": "a\\nb"}',
    "no JSON": b"reason=x",
}


async def test_a_room_is_closed_by_good_words_only(client: httpx.AsyncClient, keeper: FakeKeeper) -> None:
    keeper.kept = {"a": a_room("a")}
    for name, body in BAD_CLOSES.items():
        assert code(await client.post(at("a", "close"), content=body)) == (400, "bad_request"), name
    large = await client.post(at("a", "close"), content=b" " * 70_000)
    assert code(large) == (413, "too_large")
    assert code(await client.post(at("gone", "close"), json={"reason": "x"})) == (404, "unknown_room")
    assert keeper.closed == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", (False, "api", "asked for"), id="nothing"),
        pytest.param(b"{}", (False, "api", "asked for"), id="an empty object"),
        pytest.param(b'{"dryRun": true}', (True, "api", "asked for"), id="a dry run"),
        pytest.param(b'{"by": "ann", "reason": "tidy"}', (False, "ann", "tidy"), id="with words"),
    ],
)
async def test_garbage_is_collected_now(
    client: httpx.AsyncClient, keeper: FakeKeeper, body: bytes, expected: tuple[bool, str, str]
) -> None:
    report = await client.post("/api/livekit/gc", content=body)
    assert (report.status_code, report.json()["dryRun"]) == (200, expected[0])
    assert report.json()["found"][0]["done"] is not expected[0]
    assert keeper.collected == [expected]


@pytest.mark.parametrize("body", [b"[]", b'{"dryRun": 1}', b'{"dry_run": true}', b'{"by": ""}', b"{"])
async def test_garbage_is_not_collected_by_mistake(
    client: httpx.AsyncClient, keeper: FakeKeeper, body: bytes
) -> None:
    assert code(await client.post("/api/livekit/gc", content=body)) == (400, "bad_request")
    assert keeper.collected == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotKeepingError("another registry leads"), (409, "not_keeping")),
        (LiveKitError("LiveKit is out of reach"), (502, "livekit")),
    ],
    ids=["not keeping", "out of reach"],
)
async def test_what_keeps_the_keeper_from_it_is_said(
    client: httpx.AsyncClient, keeper: FakeKeeper, error: RoomsError, expected: tuple[int, str]
) -> None:
    keeper.kept, keeper.error = {"a": a_room("a")}, error
    for path, body in (
        (at("a", "close"), {"reason": "x"}),
        ("/api/livekit/gc", {}),
        ("/api/livekit/token", {"agentId": "7"}),
        ("/api/sessions", {"agentId": "7"}),
    ):
        refused = await client.post(path, json=body)
        assert code(refused) == expected, path
        assert message(refused) == str(error)
    assert (await client.get("/api/livekit/rooms")).json()["keeper"]["isOn"] is False


async def test_without_livekit_nothing_is_signed(store: Store) -> None:
    await asyncio.to_thread(store.migrate)
    keeper = FakeKeeper(error=NotKeepingError("LIVEKIT_URL is not set"))
    async with room_api(store, keeper=keeper, login=None) as client:
        for path, body in (
            ("/api/livekit/token", {"agentId": "7"}),
            ("/api/sessions", {"agentId": "7"}),
            ("/api/livekit/webhook", {}),
        ):
            refused = await client.post(path, json=body)
            assert code(refused) == (409, "not_keeping"), path
            assert "LIVEKIT_API_KEY" in message(refused)
        assert code(await client.get(at("a", "why"))) == (409, "not_keeping")
        assert (await client.get("/api/livekit/rooms")).json()["rooms"] == []
        assert keeper.created == []


# -- in a whole registry


async def test_a_registry_without_livekit_answers_all_the_same(start: Start, connect: Connect) -> None:
    client = connect(await start())
    listed = (await client.get("/api/livekit/rooms")).json()
    assert (listed["rooms"], listed["keeper"]["isOn"]) == ([], False)
    assert code(await client.get(at("a/b"))) == (404, "unknown_room")
    assert (await client.get(at("a/b", "events"))).json() == {"events": []}
    assert (await client.get("/api/livekit/stats")).json()["sessions"] == 0
    for method, path, body in (
        ("GET", at("a/b", "why"), None),
        ("POST", at("a/b", "close"), {"reason": "x"}),
        ("POST", "/api/livekit/gc", {}),
        ("POST", "/api/livekit/token", {"agentId": "7"}),
        ("POST", "/api/livekit/webhook", {}),
        ("POST", "/api/sessions", {"agentId": "7"}),
    ):
        refused = await client.request(method, path, json=body)
        assert code(refused) == (409, "not_keeping"), path
        assert "LIVEKIT_URL" in message(refused)
